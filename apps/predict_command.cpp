#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/predict.h"

namespace tl {
namespace {

constexpr const char* kPredictAbout = R"(Classifies pictures by a model that train wrote.
  tlrun predict cat.jpg new/                     files, and all pictures in a folder
  tlrun predict --model runs/3 cat.jpg           by the best model of that run
  tlrun predict --json new/ | jq .class          an object per line)";

}  // namespace

Command add_predict(CLI::App& tlrun) {
  struct Options : PredictOptions {
    MachineOptions machine;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c = *tlrun.add_subcommand("predict", kPredictAbout);
  c.add_option("PICTURE", o->images, "files and folders")->required();
  c.add_option("--model", o->model, "file, or folder of a run [the newest run with a model]")
      ->type_name("FILE");
  c.add_option("--top", o->top, "classes to print")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  c.add_flag("--json", o->json, "a JSON object per picture and line");
  c.add_flag("--strict", o->strict, "stop at a broken picture instead of skipping it");
  add_machine_options(c, o->machine);
  return {&c, [o] {
            o->device = name_of(o->machine.use());
            return predict(*o) ? 0 : 1;
          }};
}

}  // namespace tl
