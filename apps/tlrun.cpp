// tlrun: the command line. Exit codes: 0 done, 1 the work failed, 2 wrong usage.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "apps/predict.h"
#include "apps/train.h"
#include "kernels/parallel_for.h"

namespace {

constexpr const char* kAbout = R"(Fine-tunes a pretrained ResNet on a folder of pictures.

  tlrun --weights resnet18.h5 --data imgs/           train a new head, write runs/N/best.h5
  tlrun predict imgs/new/*.jpg                       classify with the newest model
  tlrun predict --model runs/1/best.h5 cat.jpg       classify with that one

imgs/ holds one folder of pictures per class, or train/ and val/ with such folders.)";

/// `tlrun --data imgs/` means `tlrun train --data imgs/`.
std::vector<std::string> with_default_command(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto names_no_command = [](const std::string& a) {
    return a != "train" && a != "predict" && a != "-h" && a != "--help" && a != "--version";
  };
  if (!arguments.empty() && std::all_of(arguments.begin(), arguments.end(), names_no_command))
    arguments.insert(arguments.begin(), "train");
  return {arguments.rbegin(), arguments.rend()};  // CLI11 takes them from the back
}

void add_machine_options(CLI::App& command, std::string& device, int& threads) {
  command.add_option("--device", device, "cpu, or ref (plain loops, for comparison)")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "ref"}));
  command.add_option("--threads", threads, "CPU threads (default: all that this process may use)")
      ->check(CLI::Range(1, 512));
}

std::string check_rate(const std::string& text) {
  const double rate = std::strtod(text.c_str(), nullptr);
  return std::isfinite(rate) && rate > 0 ? "" : "must be a positive number, got " + text;
}

CLI::App& add_train(CLI::App& app, tl::TrainOptions& o, int& threads) {
  CLI::App& c = *app.add_subcommand("train", "train a new head (the default command)");
  CLI::Option* weights = c.add_option("--weights", o.weights, "HDF5 file with torchvision's names");
  c.add_option("--data", o.data, "folder of pictures")->required();
  c.add_option("--arch", o.arch, "network with random weights, instead of --weights")
      ->capture_default_str()
      ->check(CLI::IsMember({"resnet18", "resnet50"}))
      ->excludes(weights);
  c.add_option("--epochs", o.epochs, "passes over the training pictures")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  c.add_option("--batch", o.batch_size, "pictures per step of the optimizer")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  c.add_option("--lr", o.learning_rate, "learning rate of Adam")
      ->capture_default_str()
      ->check(check_rate);
  c.add_option("--val-fraction", o.val_fraction,
               "share of each class to validate with, where the data has no val/ folder")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  c.add_option("--seed", o.seed, "of the head, the order of pictures and the split")
      ->capture_default_str();
  c.add_option("--out", o.out, "folder for best.h5 (default: runs/N)");
  add_machine_options(c, o.device, threads);
  return c;
}

CLI::App& add_predict(CLI::App& app, tl::PredictOptions& o, int& threads) {
  CLI::App& c = *app.add_subcommand("predict", "classify pictures");
  c.add_option("IMAGE", o.images)->required();
  c.add_option("--model", o.model, "default: best.h5 of the newest run");
  c.add_option("--top", o.top, "classes to print")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  add_machine_options(c, o.device, threads);
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{kAbout, "tlrun"};
  app.set_version_flag("--version", TL_VERSION);
  app.require_subcommand(1);
  int threads = 0;
  tl::TrainOptions train;
  tl::PredictOptions predict;
  const CLI::App& train_command = add_train(app, train, threads);
  const CLI::App& predict_command = add_predict(app, predict, threads);

  try {
    app.parse(with_default_command(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (threads > 0) tl::set_thread_count(threads);
    if (train_command.parsed()) tl::train(train);
    if (predict_command.parsed() && !tl::predict(predict)) return 1;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "tlrun: %s\n", error.what());
    return 1;
  }
  return 0;
}
