// Networks from files that other programs wrote: PyTorch's and safetensors', with prefixes, inside
// checkpoints.
#include <doctest/doctest.h>

#include "apps/array_tensor.h"
#include "apps/model_file.h"
#include "io/read_weights.h"
#include "io/safetensors.h"
#include "tests/io/golden_weights.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

TEST_CASE("foreign weights: the same network from every format") {
  const ResNetConfig narrow{.depths = {1, 1, 1, 1}, .width = 1, .classes = 3};
  const WeightsFile expected = read_hdf5(golden_weights("expected.h5"));
  for (const char* name : {"resnet.pth", "resnet_legacy.pth", "resnet.safetensors",
                           "checkpoint.pth", "checkpoint_legacy.pth"}) {
    CAPTURE(std::string(name));
    const ModelFile file = read_model_file(golden_weights(name));
    CHECK(!file.info.has_value());
    CHECK(file.config() == narrow);
    Generator random(1);
    const ResNet network(file.config(), random, {DType::f32, Device::ref});
    const ImportReport report = import_weights(network, file.tensors);
    CHECK(report.matched.size() == network.state().size());
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());
    CHECK(report.wrong_shape.empty());
    for (const auto& [own, tensor] : export_weights(network)) {
      const Array* array = expected.find("resnet/" + own);
      REQUIRE(array != nullptr);
      CHECK(tensor.to_vector<float>() == to_tensor(*array).to_vector<float>());
    }
  }
}

TEST_CASE("foreign weights: safetensors say which library they came from, and that is no format") {
  const TemporaryFolder folder;
  WeightsFile file = read_weights(golden_weights("resnet.safetensors"));
  const auto error_with = [&](const std::string& format) -> std::string {
    file.attributes["format"] = format;
    write_safetensors(folder / "x.safetensors", file);
    try {
      read_model_file(folder / "x.safetensors");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(error_with("pt") == "");
  CHECK(error_with("keras").ends_with(
      "attribute 'format' is 'keras', expected 'tlrun model 2' or none"));
}

}  // namespace
}  // namespace tl::test
