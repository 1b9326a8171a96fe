#include "apps/command_line.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>

#include "kernels/parallel_for.h"

namespace tl {
namespace {

/// What stands between an option's name and its description: "RATE", "adam|adamw|sgd".
std::string value_name(const CLI::Option& option) {
  const std::string with_checks = option.get_type_name();  // "INT:INT in [1 - 9]"
  return option.get_items_expected_max() == 0 ? "" : with_checks.substr(0, with_checks.find(':'));
}

std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name() : "--" + option.get_lnames()[0];
}

/// Two columns, the first as wide as it must be.
std::string table(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::size_t width = 0;
  for (const auto& [name, about] : lines) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, about] : lines)
    text += "  " + name + std::string(width - name.size() + 2, ' ') + about + "\n";
  return text;
}

class ShortHelp : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    const bool is_program = app->get_parent() == nullptr;
    return usage(*app) + app->get_description() + "\n\n" +
           (is_program ? commands(*app) : options(*app));
  }

 private:
  static std::string usage(const CLI::App& app) {
    if (app.get_parent() == nullptr) return "Usage: " + app.get_name() + " COMMAND [OPTIONS]\n";
    std::string text = "Usage: " + app.get_parent()->get_name() + " " + app.get_name();
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional()) {
        text += " " + option->get_name() + (option->get_items_expected_max() > 1 ? "..." : "");
      } else if (option->get_required()) {
        text += " " + long_name(*option) + " " + value_name(*option);
      }
    }
    return text + " [OPTIONS]\n";
  }

  static std::string commands(const CLI::App& app) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const CLI::App* command : app.get_subcommands({})) {
      const std::string about = command->get_description();
      lines.emplace_back(command->get_name(), about.substr(0, about.find('\n')));
    }
    return table(lines);
  }

  static std::string options(const CLI::App& app) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional() || option == app.get_help_ptr()) continue;
      const std::string value = value_name(*option), preset = option->get_default_str();
      lines.emplace_back(long_name(*option) + (value.empty() ? "" : " " + value),
                         option->get_description() + (preset.empty() ? "" : " [" + preset + "]"));
    }
    return table(lines);
  }
};

/// How many letters have to be inserted, removed, changed, or exchanged with their neighbour to
/// make b of a (Damerau and Levenshtein's distance, each place touched once).
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const bool differ = a[i - 1] != b[j - 1];
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differ});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string with_suggestion(const std::string& what, const std::string& nearest) {
  return what + (nearest.empty() ? "" : "; did you mean " + nearest + "?");
}

/// The subcommand that was typed, or the program itself.
const CLI::App& typed(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : *chosen[0];
}

std::string finite_number(const std::string& text, bool zero_is_fine) {
  char* end = nullptr;
  const double x = std::strtod(text.c_str(), &end);
  const bool is_number = end != text.c_str() && *end == 0 && std::isfinite(x);
  if (is_number && (x > 0 || (zero_is_fine && x == 0))) return "";
  return concat("must be a positive number", zero_is_fine ? " or 0" : "", ", got ", text);
}

}  // namespace

Device MachineOptions::use() const {
  if (threads > 0) set_thread_count(threads);
  return parse_device(device);
}

void add_machine_options(CLI::App& command, MachineOptions& machine) {
  command
      .add_option("--device", machine.device,
                  "cuda[:N], auto; ref, simt: plain loops, GPU emulated")
      ->capture_default_str()
      ->type_name("DEVICE")
      ->check([](const std::string& name) {
        return is_device_name(name) ? ""
                                    : concat("'", name, "': cpu, cuda, cuda:N, auto, ref or simt");
      });
  command.add_option("--threads", machine.threads, "threads [all that this process may use]")
      ->type_name("N")
      ->check(CLI::Range(1, 512));
}

std::string check_positive(const std::string& text) { return finite_number(text, false); }
std::string check_not_negative(const std::string& text) { return finite_number(text, true); }

std::string check_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc() && end == text.data() + text.size()) return "";
  return concat("must be a whole number from 0 to ", std::numeric_limits<std::uint64_t>::max(),
                ", got ", text);
}

void use_short_help(CLI::App& app) { app.formatter(std::make_shared<ShortHelp>()); }

std::string nearest_word(const std::string& wrong, const std::vector<std::string>& words) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(1, wrong.size() / 3) + 1;  // a third may be wrong
  for (const std::string& word : words) {
    const bool is_beginning = wrong.size() >= 4 && word.starts_with(wrong);
    const std::size_t distance = is_beginning ? 1 : edit_distance(wrong, word);
    if (distance >= least) continue;
    least = distance;
    nearest = word;
  }
  return nearest;
}

std::string explain_wrong_usage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = typed(app);
  const auto rest = app.remaining(true);
  // "--data is required" may be so because it was written "--dtaa".
  const bool is_extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                        dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (!is_extra || rest.empty()) return error.what();
  const std::string wrong = rest[0].substr(0, rest[0].find('='));
  std::vector<std::string> words;
  if (wrong.starts_with("-")) {
    for (const CLI::Option* option : command.get_options()) {
      if (!option->get_positional()) words.push_back(long_name(*option));
    }
    return with_suggestion(wrong + ": no such option", nearest_word(wrong, words));
  }
  return concat(wrong, ": ", command.get_name(), " takes no such argument");
}

}  // namespace tl
