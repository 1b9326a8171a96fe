// StartingNetwork: the network that a training run begins with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/model_file.h"
#include "apps/train.h"

namespace tl {

struct StartingNetwork {
  std::unique_ptr<ResNet> network;  ///< exactly what is to be trained requires gradients
  Preprocessing preprocessing;
};

/// From the weights' file, with a new head, or with random weights, as the options say; prints what
/// was kept and what is new. Throws Error when the file is no ResNet's, lacks more than the head,
/// or is for pictures of other than three channels and shall not be adapted.
StartingNetwork make_starting_network(const TrainOptions& options, std::int64_t classes,
                                      Device device);

/// "a, b, c and 4 more".
std::string joined(const std::vector<std::string>& names, std::size_t most);

}  // namespace tl
