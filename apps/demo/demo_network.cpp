#include "apps/demo/demo_network.h"

#include <map>

#include "apps/array_tensor.h"
#include "apps/demo/embedded_weights.h"
#include "apps/demo/scene.h"
#include "io/hdf5_weights.h"
#include "models/weight_names.h"

namespace tl {

Shape scene_shape() { return {kSceneSize, kSceneSize, 3}; }

ResNetConfig demo_config(std::int64_t classes) {
  return {.depths = {1, 1, 1, 1}, .width = 16, .classes = classes};
}

std::unique_ptr<ResNet> fresh_network(std::int64_t classes, Generator& random, Placement where) {
  return std::make_unique<ResNet>(demo_config(classes), random, where);
}

std::unique_ptr<ResNet> pretrained_network(std::int64_t classes, Generator& random,
                                           Placement where) {
  auto network = fresh_network(classes, random, where);
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, array] : read_hdf5(embedded_weights()).arrays) {
    if (!name.starts_with("fc.")) tensors.emplace(name, to_tensor(array));
  }
  const ImportReport report = import_weights(*network, tensors);
  check(report.matched.size() + 2 == network->state().size() && report.unexpected.empty(),
        "demo: the weights inside the program are not those of ", name_of(network->config));
  return network;
}

}  // namespace tl
