// What the subcommands' definitions share: options of the machine, checks of values, help that fits
// a screen, and what is said about a word that is no option or command.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "engine/device.h"

namespace tl {

/// --device and --threads, which every command that computes has.
struct MachineOptions {
  std::string device = "cpu";
  int threads = 0;  ///< 0: all that this process may use

  /// Sets the number of threads; returns the device.
  Device use() const;
};
void add_machine_options(CLI::App& command, MachineOptions& machine);

/// Validators for CLI11.
std::string check_positive(const std::string& text);
std::string check_not_negative(const std::string& text);
std::string check_seed(const std::string& text);

/// Usage, description, one line per option with its default: at most 100 columns. Takes effect for
/// `app` and the subcommands that are added later.
void use_short_help(CLI::App& app);

/// The one of `words` that `wrong` is most likely a slip of; "" when none is near.
std::string nearest_word(const std::string& wrong, const std::vector<std::string>& words);

/// One line about what was typed wrong, e.g. "--epoch: no such option; did you mean --epochs?".
std::string explain_wrong_usage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace tl
