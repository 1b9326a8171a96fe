// tlrun: the command line. Exit codes: 0 done, 1 the work failed, 2 wrong usage.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/standard_streams.h"

namespace {

constexpr const char* kAbout = R"(Teaches a pretrained ResNet to tell your pictures apart.

  tlrun --weights resnet18.pth --data imgs/      train a new head; writes runs/N/best.h5
  tlrun eval --data imgs/                        how good the newest model is, class by class
  tlrun predict new/*.jpg                        classify with it
  tlrun inspect resnet18.pth                     what is in a file
  tlrun convert resnet18.pth resnet18.h5         any format to HDF5 or safetensors
  tlrun export runs/3 birds.onnx                 for ONNX Runtime and others

imgs/ holds a folder of pictures per class, or train/ and val/ with such folders. Without a
command, options mean train. tlrun COMMAND --help lists a command's options.)";

bool asks_for_program(const std::string& word) {
  return word == "-h" || word == "--help" || word == "--version";
}

int wrong_usage(const std::string& cause, const std::string& command) {
  std::fprintf(stderr, "tlrun: %s\n%s --help lists what there is\n", tl::printable(cause).c_str(),
               command.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  tl::open_missing_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file over the limit (ulimit -f) is an error with a name
  CLI::App app{kAbout, "tlrun"};
  tl::use_short_help(app);
  app.set_version_flag("--version", TL_VERSION, "print the version");
  app.require_subcommand(1);
  const std::vector<tl::Command> commands = {
      tl::add_train(app),   tl::add_eval(app),   tl::add_predict(app), tl::add_inspect(app),
      tl::add_convert(app), tl::add_export(app), tl::add_demo(app),    tl::add_render(app)};

  std::vector<std::string> names;
  for (const tl::Command& command : commands) names.push_back(command.app->get_name());
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "help") {  // `tlrun help eval`
    words.erase(words.begin());
    words.push_back("--help");
  }
  if (words.empty()) words = {"--help"};
  if (!words[0].starts_with("-") &&
      std::find(names.begin(), names.end(), words[0]) == names.end()) {
    const std::string nearest = tl::nearest_word(words[0], names);
    return wrong_usage(
        words[0] + ": no such command" + (nearest.empty() ? "" : "; did you mean " + nearest + "?"),
        "tlrun");
  }
  // `tlrun --data imgs/` means `tlrun train --data imgs/`.
  if (words[0].starts_with("-") && !asks_for_program(words[0]))
    words.insert(words.begin(), "train");

  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 begins at the back
    for (const tl::Command& command : commands) {
      if (!command.app->parsed()) continue;
      const int code = command.run();
      tl::check_standard_output();
      return code;
    }
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return wrong_usage(tl::explain_wrong_usage(app, error), "tlrun " + words[0]);
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "tlrun: %s\n", tl::printable(error.what()).c_str());
    return 1;
  }
  return 0;
}
