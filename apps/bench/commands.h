// The subcommands of tlbench, in the manner of tlrun's: X_command.cpp says which options X has,
// X.cpp does the work.
#pragma once

#include "apps/commands.h"

namespace tl {

Command add_bench_model(CLI::App& tlbench);
Command add_bench_peak(CLI::App& tlbench);
Command add_bench_run(CLI::App& tlbench);

}  // namespace tl
