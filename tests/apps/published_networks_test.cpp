// Networks as timm and transformers save them: logits are those of the library itself, in float64.
// tests/golden/make_published.py made the files.
#include <doctest/doctest.h>

#include "apps/array_tensor.h"
#include "apps/model_file.h"
#include "io/hdf5_weights.h"
#include "nn/frozen.h"
#include "tests/support/compare.h"
#include "tests/support/ref_placement.h"

namespace tl::test {
namespace {

constexpr double kPublishedBound = 1e-9;

std::string published(const std::string& name) {
  return TL_SOURCE_DIR "/tests/golden/published/" + name;
}

TEST_CASE("published networks: logits are their libraries'") {
  const UnseenConfig v1{BottleneckStride::in_1x1, 1e-3};
  const struct {
    const char* name;
    const char* what;
    UnseenConfig unseen;
  } networks[] = {
      {"timm_d", "resnet basic [2, 1, 1, 1] width 1 deep stem 2-2-4 option D", {}},
      {"timm_d_bottleneck", "resnet bottleneck [1, 2, 1, 1] width 1 deep stem 3-4-8 option D", {}},
      {"timm_c", "resnet bottleneck [1, 1, 1, 1] width 1 deep stem 2-2-4", {}},
      {"transformers_basic", "resnet basic [1, 1, 2, 1] width 1", {}},
      {"transformers_bottleneck", "resnet bottleneck [1, 2, 1, 1] width 1", {}},
      {"transformers_v1", "resnet bottleneck [1, 2, 1, 1] width 1", v1},
  };
  const WeightsFile expected = read_hdf5(published("expected.h5"));
  const Tensor images =
      filter_from_file(to_tensor(*expected.find("images"))).to(Device::ref, DType::f64);
  for (const auto& known : networks) {
    INFO(std::string(known.name));
    const ModelFile file = read_model_file(published(concat(known.name, ".safetensors")));
    ResNetConfig config = file.config();
    CHECK(name_of(config) == known.what);
    config.unseen = known.unseen;
    Generator random(1);
    ResNet network(config, random, kRef);
    const ImportReport report = import_weights(network, file.tensors);
    CHECK(report.matched.size() == network.state().size());
    CHECK(report.unexpected.empty());
    network.eval();
    const auto logits = to_tensor(*expected.find(known.name)).to_vector<double>();
    check_close(network(images).to_vector<double>(), logits, kPublishedBound, "logits");
    FrozenNetwork frozen(network);
    check_close(frozen(images).to_vector<double>(), logits, kPublishedBound, "frozen logits");
    if (config.unseen == UnseenConfig{}) continue;
    // Without what is unseen, these are other numbers: the file alone would not do.
    config.unseen = {};
    ResNet other(config, random, kRef);
    import_weights(other, file.tensors);
    other.eval();
    CHECK(relative_distance(other(images).to_vector<double>(), logits) > 0.01);
  }
}

}  // namespace
}  // namespace tl::test
