// The ResNets of keras.applications (ResNet50, 101, 152, and narrower ones of their form) under
// torchvision's names and in its axis orders. Three dialects of names are known:
//
//   conv2_block1_1_conv/kernel:0     a path through the layers' names, since Keras 2.2
//   res2a_branch2a/res2a_branch2a_W  the same of Keras 1 and 2.1; also .../kernel:0
//   layers/conv2d_1/vars/0           Keras 3 (.weights.h5): numbers, in the order of the layers
//
// Whatever stands before (model_weights/, the name of a model around it) does not matter. All of
// them have the stride of a bottleneck in its first 1x1 convolution and biases in convolutions, and
// take blue, green, red (as the pretrained ones do, of 0 to 255 minus the mean colour). What is
// handed out takes red, green, blue, and has no such biases: they are subtracted from the running
// means behind them, which is the same in evaluation, and does not matter in training.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "models/resnet_config.h"

namespace tl {

/// Where in a file a tensor comes from.
struct KerasSource {
  std::string name;  ///< "": a head's bias that the file does not have, zeros
  std::string bias;  ///< a running mean's: of the convolution before, or ""
};

struct KerasResNet {
  std::map<std::string, KerasSource> sources;  ///< by torchvision's name
  std::map<std::string, Shape> shapes;         ///< by torchvision's name, filters [o, i, h, w]
  std::vector<std::string> unused;             ///< the file's other names, but for an optimizer's
  UnseenConfig unseen;
  bool is_blue_first = true;  ///< its first convolution takes blue, green, red
};

/// The network in a file of these names and shapes; nothing, if the names are not Keras's. Throws
/// where they are, but of another network: ResNetV2 above all. What is missing is for
/// recognise_resnet(shapes) to say. A dense layer is the head if its name says so (predictions,
/// fc1000), or if it is the only one; others are not used.
std::optional<KerasResNet> find_keras_resnet(const std::map<std::string, Shape>& file);

/// Its tensors by torchvision's names, on `ref`, and the unused ones as they are. `read` gives a
/// tensor of the file by the file's name.
std::map<std::string, Tensor> tensors_from_keras(
    const KerasResNet& found, const std::function<Tensor(const std::string&)>& read);

}  // namespace tl
