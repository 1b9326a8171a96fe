// The options of `tlbench model`.
#include <memory>

#include "apps/bench/commands.h"
#include "apps/bench/model.h"

namespace tl {

Command add_bench_model(CLI::App& tlbench) {
  const auto o = std::make_shared<ModelBenchOptions>();
  CLI::App& c = *tlbench.add_subcommand(
      "model", "Times the features of a frozen ResNet, or a training step.");
  c.add_option("ARCH", o->arch)->required();
  c.add_option("--mode", o->mode, "infer or train")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember({"infer", "train"}));
  c.add_option("--batch", o->batch, "pictures per run")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  c.add_option("--size", o->size, "height and width of the pictures")
      ->type_name("PIXELS")
      ->capture_default_str()
      ->check(CLI::Range(32, 2048));
  c.add_option("--runs", o->runs, "runs that count")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  c.add_option("--threads", o->threads, "threads [all that this process may use]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  c.add_option("--device", o->device, "cpu, cuda[:N], auto, ref or simt")
      ->type_name("DEVICE")
      ->capture_default_str();
  c.add_option("--amp", o->amp, "bf16: mixed precision, not on cpu; infer then runs layer by layer")
      ->type_name("off|bf16")
      ->capture_default_str()
      ->check(CLI::IsMember({"off", "bf16"}));
  c.add_option("--variant", o->variants,
               "compute by this variant, e.g. conv2d=implicit_gemm; may be repeated")
      ->type_name("SLOT=NAME");
  c.add_flag("--autotune", o->autotune, "time all variants first, take the fastest, as tlrun does");
  c.add_flag("--profile", o->profile, "then profile one run, by kernel and layer (on stderr)");
  c.add_option("--trace", o->trace, "write that run for Perfetto or chrome://tracing")
      ->type_name("FILE");
  c.add_flag("--json", o->json, "one JSON object instead of a sentence");
  return {&c, [o] {
            bench_model(*o);
            return 0;
          }};
}

}  // namespace tl
