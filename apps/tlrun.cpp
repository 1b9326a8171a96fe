// tlrun: the command line. Exit codes: 0 done, 1 the work failed, 2 wrong usage.
#include <CLI/CLI.hpp>
#include <cstdio>
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
  const bool wants_train = !arguments.empty() && arguments[0].starts_with("-") &&
                           arguments[0] != "-h" && arguments[0] != "--help" &&
                           arguments[0] != "--version";
  if (wants_train) arguments.insert(arguments.begin(), "train");
  return {arguments.rbegin(), arguments.rend()};  // CLI11 takes them from the back
}

void add_machine_options(CLI::App& command, std::string& device, int& threads) {
  command.add_option("--device", device, "ref, cpu or simt")->capture_default_str();
  command.add_option("--threads", threads, "CPU threads (default: all that this process may use)")
      ->check(CLI::Range(1, 1024));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{kAbout, "tlrun"};
  app.set_version_flag("--version", TL_VERSION);
  app.require_subcommand(1);
  int threads = 0;

  tl::TrainOptions train;
  CLI::App* train_command = app.add_subcommand("train", "train a new head (the default command)");
  train_command->add_option("--weights", train.weights, "HDF5 file with torchvision's names");
  train_command->add_option("--data", train.data, "folder of pictures")->required();
  train_command
      ->add_option("--arch", train.arch, "resnet18 or resnet50, where there are no weights")
      ->capture_default_str();
  train_command->add_option("--epochs", train.epochs)
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  train_command->add_option("--batch", train.batch_size)
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  train_command->add_option("--lr", train.learning_rate, "learning rate of Adam")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  train_command
      ->add_option("--val-fraction", train.val_fraction,
                   "share of each class to validate with, where the data has no val/ folder")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  train_command->add_option("--seed", train.seed)->capture_default_str();
  train_command->add_option("--out", train.out, "folder for best.h5 (default: runs/N)");
  add_machine_options(*train_command, train.device, threads);

  tl::PredictOptions predict;
  CLI::App* predict_command = app.add_subcommand("predict", "classify pictures");
  predict_command->add_option("IMAGE", predict.images)->required();
  predict_command->add_option("--model", predict.model, "default: best.h5 of the newest run");
  predict_command->add_option("--top", predict.top, "classes to print")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  add_machine_options(*predict_command, predict.device, threads);

  try {
    app.parse(with_default_command(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (threads > 0) tl::set_thread_count(threads);
    if (train_command->parsed()) tl::train(train);
    if (predict_command->parsed() && !tl::predict(predict)) return 1;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "tlrun: %s\n", error.what());
    return 1;
  }
  return 0;
}
