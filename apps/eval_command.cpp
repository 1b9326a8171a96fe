#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/evaluate.h"

namespace tl {
namespace {

constexpr const char* kEvalAbout = R"(Measures a model on labelled pictures, class by class.
  tlrun eval --data imgs/                        the newest run on the validation pictures
  tlrun eval --model runs/3 --data imgs/ --split test
  tlrun eval --data imgs/ --json | jq .balanced_accuracy)";

}  // namespace

Command add_eval(CLI::App& tlrun) {
  struct Options : EvaluateOptions {
    MachineOptions machine;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c = *tlrun.add_subcommand("eval", kEvalAbout);
  c.add_option("--data", o->data, "pictures, laid out as for train; the model's classes or some")
      ->required()
      ->type_name("DIR");
  c.add_option("--model", o->model, "file, or folder of a run [the newest run with a model]")
      ->type_name("FILE");
  c.add_option("--split", o->split, "val, test, or all pictures that are there")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(CLI::IsMember({"val", "test", "all"}));
  c.add_flag("--json", o->json, "one JSON object");
  c.add_flag("--strict", o->strict, "stop at a broken picture instead of skipping it");
  add_machine_options(c, o->machine);
  return {&c, [o] {
            o->device = name_of(o->machine.use());
            evaluate(*o);
            return 0;
          }};
}

}  // namespace tl
