#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/feature_cache.h"
#include "apps/train.h"
#include "models/resnet_config.h"

namespace tl {
namespace {

constexpr const char* kTrainAbout = R"(Fits a pretrained ResNet to a folder of pictures.
  tlrun --weights resnet18.pth --data imgs/              a new head on the frozen network
  tlrun --weights resnet18.pth --data imgs/ --unfreeze layer4 --augment --schedule cosine)";

std::string check_arch(const std::string& name) {
  try {
    resnet_config(name);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

void add_network_options(CLI::App& c, TrainOptions& o) {
  CLI::Option* weights = c.add_option("--weights", o.weights, "HDF5, safetensors or PyTorch file");
  weights->type_name("FILE");
  c.add_flag("--adapt-first-layer", o.adapt_first_layer,
             "for weights of grey pictures: spread their filters over 3 channels")
      ->needs(weights);
  c.add_option("--arch", o.arch, "network with random weights, instead of --weights")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(check_arch)
      ->excludes(weights);
  CLI::Option* unfreeze = c.add_option("--unfreeze", o.unfreeze,
                                       "train these too: \"layer3,layer4\", \"*bn*\", or all");
  unfreeze->type_name("NAMES");
  c.add_flag("--scratch", o.scratch, "train everything, from random weights")
      ->excludes(weights)
      ->excludes(unfreeze);
  c.add_option("--amp", o.amp, "mixed precision, with --unfreeze or --scratch; not on cpu")
      ->capture_default_str()
      ->type_name("off|bf16")
      ->check(CLI::IsMember({"off", "bf16"}));
  c.add_option("--size", o.size, "side of the square a network sees [as its weights say, or 224]")
      ->type_name("PIXELS")
      ->check(CLI::Range(8, 2048));
}

void add_data_options(CLI::App& c, TrainOptions& o) {
  c.add_option("--data", o.data, "folder of pictures: CLASS/, train/ and val/, or CIFAR, MNIST")
      ->required()
      ->type_name("DIR");
  c.add_option("--val-fraction", o.val_fraction, "of each class, where there is no val/")
      ->capture_default_str()
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 0.9));
  c.add_flag("--augment", o.augment,
             "random crops and mirror images, with --unfreeze or --scratch");
  c.add_flag("--strict", o.strict, "stop at a broken picture instead of skipping it");
}

void add_number(CLI::App& c, const std::string& name, double& value, const std::string& about,
                const std::string& unit, std::string (*check)(const std::string&)) {
  c.add_option(name, value, about)->capture_default_str()->type_name(unit)->check(check);
}

void add_recipe_options(CLI::App& c, Recipe& r, std::string& class_weights) {
  const auto one_of = [&](const std::string& name, std::string& value, const std::string& about,
                          const std::vector<std::string>& values) {
    c.add_option(name, value, about)
        ->capture_default_str()
        ->type_name("NAME")
        ->check(CLI::IsMember(values));
  };
  c.add_option("--epochs", r.epochs, "passes over the training pictures")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  c.add_option("--batch", r.batch_size, "pictures per step")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  c.add_option("--lr", r.learning_rate,
               "learning rate [1e-3; pretrained layers 1e-4; sgd 10 times]")
      ->type_name("RATE")
      ->check(check_positive);
  one_of("--optimizer", r.optimizer, "sgd, adam or adamw", {"sgd", "adam", "adamw"});
  add_number(c, "--momentum", r.momentum, "of sgd", "X", check_not_negative);
  add_number(c, "--weight-decay", r.weight_decay, "pull of the weights towards 0", "X",
             check_not_negative);
  one_of("--schedule", r.schedule, "of the rate: constant, step (a tenth per third), cosine",
         {"constant", "step", "cosine"});
  add_number(c, "--warmup", r.warmup, "epochs in which the rate rises first", "EPOCHS",
             check_not_negative);
  add_number(c, "--clip", r.clip, "largest norm of the gradients; 0: any", "NORM",
             check_not_negative);
  c.add_option("--label-smoothing", r.label_smoothing, "share of each label given to all classes")
      ->capture_default_str()
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0));
  one_of("--class-weights", class_weights, "equal, or balanced: rare classes count as much",
         {"equal", "balanced"});
  c.add_option("--seed", r.seed, "of new weights, order, views and split")
      ->capture_default_str()
      ->type_name("N")
      ->check(check_seed);
}

}  // namespace

Command add_train(CLI::App& tlrun) {
  struct Options : TrainOptions {
    MachineOptions machine;
    std::string class_weights = "equal";
    bool no_cache = false;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c = *tlrun.add_subcommand("train", kTrainAbout);
  add_data_options(c, *o);
  add_network_options(c, *o);
  add_recipe_options(c, o->recipe, o->class_weights);
  c.add_option("--out", o->out, "folder for the run's files [runs/N]")->type_name("DIR");
  c.add_flag("--no-cache", o->no_cache,
             "neither use nor keep features of pictures (~/.cache/tlrun)");
  c.add_flag("--autotune", o->autotune,
             "time all variants of each kernel first, take the fastest, remember them");
  c.add_flag("--profile", o->profile, "print time by kernel and layer; writes trace.json");
  add_machine_options(c, o->machine);
  o->recipe.learning_rate = 0;  // usual_rate()
  return {&c, [o] {
            o->device = name_of(o->machine.use());
            o->recipe.balanced = o->class_weights == "balanced";
            if (!o->no_cache) o->cache = cache_folder().string();
            if (o->augment && o->trains_head_alone())
              throw CLI::ValidationError("--augment: needs --unfreeze or --scratch",
                                         "a frozen network sees each picture once");
            if (o->amp != "off" && o->trains_head_alone())
              throw CLI::ValidationError("--amp: needs --unfreeze or --scratch",
                                         "a frozen network is computed in f32");
            train(*o);
            return 0;
          }};
}

}  // namespace tl
