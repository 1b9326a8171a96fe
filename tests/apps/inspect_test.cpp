// What inspect knows of a file, and what it says of two.
#include <doctest/doctest.h>

#include <limits>

#include "apps/array_tensor.h"
#include "apps/convert.h"
#include "apps/inspect_diff.h"
#include "apps/inspect_weights.h"
#include "io/hdf5_weights.h"
#include "io/read_weights.h"
#include "io/safetensors.h"
#include "tests/io/golden_weights.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unpacked_golden.h"

namespace tl::test {
namespace {

/// A ResNet of 62 tensors, in a file of ours.
std::filesystem::path small_model(const TemporaryFolder& folder,
                                  std::vector<std::string> classes = {"ant", "bee", "fly"}) {
  Generator random(1);
  const ResNet network({.depths = {1, 1, 1, 1}, .width = 2, .classes = 3}, random);
  write_model_file(folder / "a.h5", network, {std::move(classes), {}});
  return folder / "a.h5";
}

/// The same with a change.
std::filesystem::path changed(const TemporaryFolder& folder,
                              const std::function<void(WeightsFile&)>& change) {
  WeightsFile file = read_hdf5(folder / "a.h5");
  change(file);
  write_hdf5(folder / "b.h5", file);
  return folder / "b.h5";
}

WeightsDiff diff(const std::filesystem::path& a, const std::filesystem::path& b) {
  return diff_of(read_for_inspection(a), read_for_inspection(b));
}

Array& at(WeightsFile& file, const std::string& name) {
  for (auto& [key, array] : file.arrays) {
    if (key == name) return array;
  }
  throw Error(name);
}

}  // namespace

TEST_CASE("inspect: containers and dialects") {
  const TemporaryFolder folder;
  const auto format = [](const std::filesystem::path& path) {
    return read_for_inspection(path).format;
  };
  CHECK(format(golden_weights("resnet.pth")) == "PyTorch (zip)");
  CHECK(format(golden_weights("resnet_legacy.pth")) == "PyTorch (before 1.6)");
  CHECK(format(golden_weights("resnet.safetensors")) == "safetensors");
  CHECK(format(golden_weights("odd.safetensors")) == "safetensors, pt");
  CHECK(format(golden_weights("expected.h5")) == "HDF5");
  CHECK(format(small_model(folder)) == "HDF5, tlrun model 1");
}

TEST_CASE("inspect: a network is recognised, what is none is said why") {
  const InspectedFile file = read_for_inspection(golden_weights("checkpoint.pth"));
  REQUIRE(file.network.has_value());
  CHECK(file.network->config().classes == 3);
  CHECK(file.content.arrays[0].first == "module.backbone.conv1.weight");  // as it stands there
  const InspectedFile odd = read_for_inspection(golden_weights("odd.pt"));
  CHECK(!odd.network.has_value());
  CHECK(odd.why_no_network.starts_with("no ResNet: there is no tensor conv1.weight"));
}

TEST_CASE("inspect: parameters are the network's, whatever the file calls the rest") {
  for (const char* name :
       {"keras2.weights.h5", "keras3_trained.h5"}) {  // the latter with Adam's state
    CAPTURE(std::string(name));
    const UnpackedGolden golden(std::string("keras/") + name);
    const InspectedFile file = read_for_inspection(golden.path());
    Generator random = Generator::of_zeros();
    const ResNet network(file.network.value().config(), random);
    std::int64_t parameters = 0;
    for (const NamedTensor& p : network.parameters()) parameters += p.tensor.size();
    CHECK(file.parameters == parameters);
  }
  const InspectedFile odd = read_for_inspection(golden_weights("odd.pt"));
  std::int64_t numbers = 0;
  for (const auto& [own_name, array] : odd.content.arrays) numbers += array.count();
  CHECK(odd.parameters == numbers);
}

TEST_CASE("inspect: a file and what was made from it do not differ") {
  const TemporaryFolder folder;
  for (const char* name :
       {"resnet.pth", "resnet_legacy.pth", "checkpoint.pth", "resnet.safetensors"}) {
    CAPTURE(std::string(name));
    convert({.in = golden_weights(name), .out = folder / "a.h5"});
    const WeightsDiff d = diff(golden_weights(name), folder / "a.h5");
    CHECK(d.is_empty());
    CHECK(d.equal == 62);
  }
}

TEST_CASE("inspect: what differs is named, and by how much") {
  const TemporaryFolder folder;
  const auto a = small_model(folder);
  const auto b = changed(folder, [](WeightsFile& file) {
    at(file, "fc.bias") = Array::copy_of<float>({3}, std::vector<float>{3, 0, 4});
    at(file, "bn1.weight") =
        Array::copy_of<float>({2}, std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 1});
    file.arrays.emplace_back("extra", Array::copy_of<float>({1}, std::vector<float>{1}));
    std::erase_if(file.arrays, [](const auto& e) { return e.first == "bn1.running_mean"; });
    at(file, "bn1.bias") = Array::copy_of<float>({1}, std::vector<float>{0});
  });
  const WeightsDiff d = diff(a, b);
  CHECK(!d.is_empty());
  CHECK(d.only_in_a == std::vector<std::string>{"bn1.running_mean"});
  CHECK(d.only_in_b == std::vector<std::string>{"extra"});
  REQUIRE(d.shapes.size() == 1);
  CHECK(d.shapes[0].name == "bn1.bias");
  CHECK(d.shapes[0].a == std::vector<std::int64_t>{2});
  CHECK(d.shapes[0].b == std::vector<std::int64_t>{1});
  REQUIRE(d.tensors.size() == 2);
  CHECK(d.tensors[0].name == "bn1.weight");
  CHECK(d.tensors[0].distance.not_finite_in_b == 1);
  CHECK(d.tensors[0].distance.largest == 0);
  CHECK(d.tensors[1].name == "fc.bias");
  CHECK(d.tensors[1].distance.relative == doctest::Approx(1).epsilon(0.1));
  CHECK(d.equal == 62 - 4);
}

TEST_CASE("inspect: one bit is a difference, and so is another order of classes") {
  const TemporaryFolder folder;
  const auto a = small_model(folder);
  const auto minus_zero = changed(folder, [](WeightsFile& file) {
    at(file, "bn1.bias") = Array::copy_of<float>({2}, std::vector<float>{0, -0.f});
  });
  const WeightsDiff d = diff(a, minus_zero);
  REQUIRE(d.tensors.size() == 1);
  CHECK(d.tensors[0].name == "bn1.bias");
  CHECK(d.tensors[0].distance.largest == 0);
  const auto renamed = changed(
      folder, [](WeightsFile& file) { file.attributes["classes"] = R"(["bee", "ant", "fly"])"; });
  CHECK(diff(a, renamed).attributes == std::vector<std::string>{"classes"});
  CHECK(diff(a, renamed).tensors.empty());
  const auto unnamed = changed(folder, [](WeightsFile& file) { file.attributes.clear(); });
  CHECK(diff(a, unnamed).is_empty());
}

TEST_CASE("inspect: files of other networks are compared under their own names") {
  const WeightsDiff d = diff(golden_weights("odd.pt"), golden_weights("odd.safetensors"));
  CHECK(d.is_empty());
  CHECK(d.equal == read_weights(golden_weights("odd.pt")).arrays.size());
}

}  // namespace tl::test
