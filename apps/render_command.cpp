#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/demo/render.h"

namespace tl {

Command add_render(CLI::App& tlrun) {
  const auto o = std::make_shared<RenderOptions>();
  CLI::App& c =
      *tlrun.add_subcommand("render", R"(Writes the demo's pictures: DIR/TASK/CLASS/0001.png.

  tlrun render pictures                              all tasks, as many as the demo trains on
  tlrun render pictures --task balanced --count 12   12 of each class of that one)");
  c.add_option("DIR", o->out)->required();
  c.add_option("--task", o->task, "one task [all]")
      ->type_name("source|balanced|imbalanced")
      ->check(CLI::IsMember({"source", "balanced", "imbalanced"}));
  c.add_option("--count", o->count, "pictures of every class [as many as the task has]")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  c.add_option("--seed", o->seed, "other seeds, other pictures")
      ->capture_default_str()
      ->type_name("N")
      ->check(check_seed);
  return {&c, [o] {
            render(*o);
            return 0;
          }};
}

}  // namespace tl
