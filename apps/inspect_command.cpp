#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/inspect.h"

namespace tl {
namespace {

constexpr const char* kInspectAbout =
    R"(Shows what is in a weights file, a run, or a folder of pictures.
  tlrun inspect resnet18.pth                     architecture, and a line per tensor
  tlrun inspect runs/3                           the best model of that run
  tlrun inspect a.pth --diff b.h5                what differs, tensor by tensor; exit code 1 if any
  tlrun inspect imgs/                            classes and how many pictures each has
  tlrun inspect --graph resnet18                 the tape of one training step, op by op)";

}  // namespace

Command add_inspect(CLI::App& tlrun) {
  const auto o = std::make_shared<InspectOptions>();
  CLI::App& c = *tlrun.add_subcommand("inspect", kInspectAbout);
  c.add_option("PATH", o->path)->required();
  CLI::Option* json = c.add_flag("--json", o->json, "one JSON object");
  CLI::Option* graph =
      c.add_flag("--graph", o->graph, "PATH is a file, or an architecture's name")->excludes(json);
  c.add_option("--diff", o->other, "compare with this file: names, shapes, numbers")
      ->type_name("FILE")
      ->excludes(graph);
  return {&c, [o] { return inspect(*o) ? 0 : 1; }};
}

}  // namespace tl
