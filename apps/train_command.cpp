#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/train.h"

namespace tl {

Command add_train(CLI::App& tlrun) {
  struct Options : TrainOptions {
    MachineOptions machine;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c = *tlrun.add_subcommand("train", R"(Trains a new head on a pretrained ResNet.

  tlrun --weights resnet18.h5 --data imgs/       writes runs/N/best.h5)");
  CLI::Option* weights =
      c.add_option("--weights", o->weights, "HDF5 file with torchvision's names");
  weights->type_name("FILE");
  c.add_option("--data", o->data, "folder of pictures")->required()->type_name("DIR");
  c.add_option("--arch", o->arch, "network with random weights, instead of --weights")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(CLI::IsMember({"resnet18", "resnet50"}))
      ->excludes(weights);
  c.add_option("--epochs", o->epochs, "passes over the training pictures")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  c.add_option("--batch", o->batch_size, "pictures per step of the optimizer")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  c.add_option("--lr", o->learning_rate, "learning rate of Adam")
      ->capture_default_str()
      ->type_name("RATE")
      ->check(check_positive);
  c.add_option("--val-fraction", o->val_fraction, "share to validate with, without val/")
      ->capture_default_str()
      ->type_name("X")
      ->check(CLI::Range(0.0, 0.9));
  c.add_option("--seed", o->seed, "of the head, the order of pictures and the split")
      ->capture_default_str()
      ->type_name("N");
  c.add_option("--out", o->out, "folder of the run [runs/N]")->type_name("DIR");
  add_machine_options(c, o->machine);
  return {&c, [o] {
            o->device = name_of(o->machine.use());
            train(*o);
            return 0;
          }};
}

}  // namespace tl
