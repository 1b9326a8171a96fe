// The options of `tlbench run`.
#include <algorithm>
#include <memory>

#include "apps/bench/commands.h"
#include "apps/bench/run.h"
#include "apps/command_line.h"

namespace tl {
namespace {

constexpr const char* kAbout =
    R"(Times the kernels of a device, each variant, beside oneDNN and OpenBLAS.

  tlbench run conv2d --shapes resnet50           each convolution and its gradients, batch 32
  tlbench run gemm --problem 'gemm m=1024 n=1024 k=1024'
  tlbench run gemm --shapes FILE                 one such line per problem
  tlbench run conv2d.forward --variant winograd_f4x4 --once        for a profiler

OP is all, a contract (gemm, conv2d, batch_norm, max_pool2d, ...) or one pass of it.)";

std::string check_op(const std::string& op) {
  const std::vector<std::string> ops = bench_ops();
  if (op == "all" || std::find(ops.begin(), ops.end(), op) != ops.end()) return "";
  std::string names = "all";
  for (const std::string& name : ops) names += ", " + name;
  return op + ": no such kernel; there are " + names;
}

}  // namespace

Command add_bench_run(CLI::App& tlbench) {
  const auto o = std::make_shared<RunBenchOptions>();
  const auto machine = std::make_shared<MachineOptions>();
  const auto has_no_yardsticks = std::make_shared<bool>(false);
  CLI::App& c = *tlbench.add_subcommand("run", kAbout);
  c.add_option("OP", o->op)->required()->check(check_op);
  CLI::Option* shapes = c.add_option("--shapes", o->shapes, "the layers of a network, or a file")
                            ->type_name("NAME|FILE")
                            ->capture_default_str();
  c.add_option("--problem", o->problems, "a line as in such a file; may be repeated")
      ->type_name("LINE")
      ->excludes(shapes);
  c.add_option("--batch", o->batch, "pictures that a network is given")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  c.add_option("--size", o->size, "their height and width")
      ->type_name("PIXELS")
      ->capture_default_str()
      ->check(CLI::Range(64, 2048));
  c.add_flag("--fused", o->fused, "convolutions with bias and ReLU, forward alone");
  c.add_option("--variant", o->variant, "all, chosen (what is taken unasked), or a name")
      ->type_name("NAME")
      ->capture_default_str();
  c.add_option("--dtype", o->dtypes, "f32 or bf16; may be repeated")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  add_machine_options(c, *machine);
  c.add_option("--seconds", o->seconds, "measured per variant and problem; 0: one run")
      ->type_name("S")
      ->capture_default_str()
      ->check(check_not_negative);
  c.add_option("--budget", o->budget, "begin nothing new after this many seconds")
      ->type_name("S")
      ->default_str("")
      ->check(check_not_negative);
  c.add_flag("--no-yardsticks", *has_no_yardsticks, "without oneDNN and OpenBLAS");
  c.add_flag("--once", o->once, "one run of each, not measured: for profilers");
  c.add_flag("--json", o->json, "one JSON object per line");
  return {&c, [o, machine, has_no_yardsticks] {
            o->device = machine->use();
            o->yardsticks = !*has_no_yardsticks;
            return bench_run(*o) ? 0 : 1;
          }};
}

}  // namespace tl
