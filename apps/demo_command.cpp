#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/demo/demo.h"
#include "apps/demo/pretrain.h"

namespace tl {

Command add_demo(CLI::App& tlrun) {
  struct Options : DemoOptions {
    MachineOptions machine;
    PretrainOptions pretrain;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c =
      *tlrun.add_subcommand("demo", R"(Transfer against training from scratch, without any download.

  tlrun demo                         draws its pictures, prints a table
  tlrun demo --seeds 5               means and deviations of five runs
  tlrun demo --pretrain weights.h5   makes the weights that the program carries (minutes))");
  c.add_option("--seeds", o->seeds, "runs, with seeds 0, 1, ...")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  c.add_flag("--markdown", o->markdown, "print the table alone, for a README");
  CLI::Option* out =
      c.add_option("--pretrain", o->pretrain.out, "train on the source task, write this file");
  out->type_name("FILE");
  c.add_option("--steps", o->pretrain.steps, "steps of --pretrain, 64 pictures each")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(40, 1000000))
      ->needs(out);
  add_machine_options(c, o->machine);
  return {&c, [o] {
            o->transfer.device = o->pretrain.device = o->machine.use();
            if (o->pretrain.out.empty()) {
              demo(*o);
            } else {
              pretrain(o->pretrain);
            }
            return 0;
          }};
}

}  // namespace tl
