// The subcommands of tlrun. X_command.cpp says which options X has and X.cpp does the work, knowing
// nothing of command lines. A new one: declare add_X here, call it in tlrun.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace tl {

/// A subcommand in CLI11's hands, and what to do when it is the one that was typed. run() returns
/// the exit code, 0 or 1; it may throw Error instead of 1, and CLI::ValidationError for options
/// that do not go together.
struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};

Command add_train(CLI::App& tlrun);
Command add_eval(CLI::App& tlrun);
Command add_predict(CLI::App& tlrun);
Command add_inspect(CLI::App& tlrun);
Command add_convert(CLI::App& tlrun);
Command add_export(CLI::App& tlrun);
Command add_demo(CLI::App& tlrun);
Command add_render(CLI::App& tlrun);

}  // namespace tl
