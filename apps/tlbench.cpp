// tlbench: the command line. Exit codes: 0 done, 1 the work failed, 2 wrong usage.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <vector>

#include "apps/bench/commands.h"
#include "apps/command_line.h"

int main(int argc, char** argv) {
  CLI::App app{"Times a network, its kernels, or what the machine can do at most.", "tlbench"};
  tl::use_short_help(app);
  app.require_subcommand(1);
  const std::vector<tl::Command> commands = {tl::add_bench_model(app), tl::add_bench_run(app),
                                             tl::add_bench_peak(app)};
  try {
    app.parse(argc, argv);
    for (const tl::Command& command : commands) {
      if (command.app->parsed()) return command.run();
    }
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::fprintf(stderr, "tlbench: %s\ntlbench --help lists what there is\n",
                 tl::explain_wrong_usage(app, error).c_str());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tlbench: %s\n", error.what());
    return 1;
  }
}
