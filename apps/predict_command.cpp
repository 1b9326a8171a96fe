#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/predict.h"

namespace tl {

Command add_predict(CLI::App& tlrun) {
  struct Options : PredictOptions {
    MachineOptions machine;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c = *tlrun.add_subcommand("predict", R"(Classifies pictures with a trained model.

  tlrun predict cat.jpg dog.jpg                  with the newest model in runs/
  tlrun predict --model runs/1/best.h5 cat.jpg   with that one)");
  c.add_option("IMAGE", o->images)->required();
  c.add_option("--model", o->model, "default: best.h5 of the newest run")->type_name("FILE");
  c.add_option("--top", o->top, "classes to print")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  add_machine_options(c, o->machine);
  return {&c, [o] {
            o->device = name_of(o->machine.use());
            return predict(*o) ? 0 : 1;
          }};
}

}  // namespace tl
