// tlrun train: fits a ResNet to a folder of pictures: a new head on a frozen, pretrained network,
// or any part of the network, or all of it from random weights.
#pragma once

#include <cstdint>
#include <string>

#include "apps/recipe.h"
#include "engine/device.h"

namespace tl {

struct TrainOptions {
  std::string weights;             ///< file; empty: random weights of `arch`
  std::string arch = "resnet18";   ///< used without weights
  bool adapt_first_layer = false;  ///< of weights for other than three channels (first_layer.h)
  bool scratch = false;            ///< everything is trained, from random weights
  std::string unfreeze;            ///< patterns of parameters to train beside the head; "all"
  bool augment = false;
  std::string amp = "off";  ///< bf16: activations are, what is trained stays f32 (resnet.h)
  std::string data;         ///< folder of pictures
  std::string out;          ///< folder of the run; empty: runs/N
  std::string cache;        ///< folder where features of pictures are kept; empty: nowhere
  int size = 0;  ///< pixels of a picture's side; 0: as the weights say, or the architecture
  std::string device = "cpu";
  Recipe recipe;              ///< learning_rate 0: usual_rate()
  double val_fraction = 0.2;  ///< where the data has no validation folder
  bool strict = false;        ///< the first broken picture ends the run
  bool autotune = false;      ///< measure the variants of kernels, take the fastest (autotune.h)
  bool profile = false;       ///< say where the time went, write a trace into the run's folder

  bool trains_head_alone() const { return unfreeze.empty() && !scratch; }
};

/// The learning rate where none is given: of Adam 1e-3, or 1e-4 where pretrained weights are
/// trained, for they shall not be forgotten; of SGD ten times that.
double usual_rate(const TrainOptions& options);

/// Prints what it does, fills the run's folder. Throws Error.
void train(const TrainOptions& options);

}  // namespace tl
