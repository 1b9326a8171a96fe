// convert: the same numbers under torchvision's names, whatever they came in; and nothing written
// where it is refused.
#include "apps/convert.h"

#include <doctest/doctest.h>

#include "apps/array_tensor.h"
#include "apps/model_file.h"
#include "apps/whole_network.h"
#include "io/file_bytes.h"
#include "io/hdf5_weights.h"
#include "io/read_weights.h"
#include "io/safetensors.h"
#include "tests/apps/info_of_three.h"
#include "tests/io/golden_weights.h"
#include "tests/support/random_state.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

const ResNetConfig kNarrow{.depths = {1, 1, 1, 1}, .width = 2, .classes = 3};

std::unique_ptr<ResNet> narrow_network() {
  Generator random(1);
  auto network = std::make_unique<ResNet>(kNarrow, random);
  randomize_state(*network, 5);
  return network;
}

std::string convert_error(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void convert_file(const std::filesystem::path& in, const std::filesystem::path& out) {
  tl::convert({.in = in, .out = out});
}

}  // namespace

TEST_CASE("convert: every number of PyTorch's file, bit for bit, through HDF5 to safetensors") {
  const TemporaryFolder folder;
  convert_file(golden_weights("checkpoint.pth"), folder / "a.h5");
  convert_file(folder / "a.h5", folder / "b.safetensors");
  const WeightsFile expected = read_hdf5(golden_weights("expected.h5"));
  for (const char* name : {"a.h5", "b.safetensors"}) {
    const WeightsFile file = read_weights(folder / name);
    CHECK(file.arrays.size() == 62);
    for (const auto& [key, array] : file.arrays) {
      CAPTURE(key);
      const Array* own = expected.find("resnet/" + key);
      REQUIRE(own != nullptr);
      CHECK(array.shape == own->shape);
      CHECK(array.dtype == DType::f32);
      CHECK(to_tensor(array).to_vector<float>() == to_tensor(*own).to_vector<float>());
    }
  }
  CHECK(read_weights(folder / "b.safetensors").attributes.at("format") == "pt");
  CHECK(!read_weights(folder / "b.safetensors").attributes.contains("classes"));
}

TEST_CASE("convert: class names and preprocessing travel, and the last file is the first") {
  const TemporaryFolder folder;
  write_model_file(folder / "a.h5", *narrow_network(), info_of_three());
  convert_file(folder / "a.h5", folder / "b.safetensors");
  const LoadedModel model = load_model(folder / "b.safetensors", {});
  CHECK(model.info.classes == info_of_three().classes);
  CHECK(model.info.preprocessing == info_of_three().preprocessing);
  convert_file(folder / "b.safetensors", folder / "c.h5");
  CHECK(read_file_bytes(folder / "a.h5") == read_file_bytes(folder / "c.h5"));
}

TEST_CASE("convert: a network that its tensors do not show stays what it is") {
  const TemporaryFolder folder;
  ResNetConfig config = kNarrow;
  config.unseen.epsilon = 0.25;
  Generator random(1);
  write_model_file(folder / "a.h5", ResNet(config, random), info_of_three());
  convert_file(folder / "a.h5", folder / "b.safetensors");
  const auto path = folder / "b.safetensors";
  CHECK(whole_network_of(path, read_weights(path)).network->config == config);
}

TEST_CASE("convert: preprocessing travels without class names too") {
  const TemporaryFolder folder;
  write_model_file(folder / "a.h5", *narrow_network(), info_of_three());
  WeightsFile file = read_hdf5(folder / "a.h5");
  file.attributes.erase("classes");
  write_hdf5(folder / "a.h5", file);
  convert_file(folder / "a.h5", folder / "b.safetensors");
  convert_file(folder / "b.safetensors", folder / "c.h5");
  const ModelFile model = read_model_file(folder / "c.h5");
  CHECK(!model.info.has_value());
  CHECK(model.preprocessing == info_of_three().preprocessing);
}

TEST_CASE("convert: a head is joined with its backbone, which is not overwritten") {
  const TemporaryFolder folder;
  const auto network = narrow_network();
  const ModelInfo info = info_of_three();
  write_model_file(folder / "backbone.h5", *network, info);
  const auto before = read_file_bytes(folder / "backbone.h5");
  network->fc.weight.copy_from(
      Tensor::full(network->fc.weight.shape(), 0.5, DType::f32, Device::cpu));
  write_head_file(folder / "head.h5", *network, info,
                  {.weights = folder / "backbone.h5", .checksum = checksum_of_backbone(*network)});
  convert_file(folder / "head.h5", folder / "whole.safetensors");
  const WeightsFile whole = read_weights(folder / "whole.safetensors");
  for (const auto& [name, tensor] : export_weights(*network)) {
    CAPTURE(name);
    REQUIRE(whole.find(name) != nullptr);
    CHECK(to_tensor(*whole.find(name)).to_vector<float>() == tensor.to_vector<float>());
  }
  CHECK(convert_error([&] {
          convert_file(folder / "head.h5", folder / "backbone.h5");
        }).ends_with("is a head on this file; name another"));
  CHECK(read_file_bytes(folder / "backbone.h5") == before);
}

TEST_CASE("convert: a backbone without a head stays one; other dtypes become f32") {
  const TemporaryFolder folder;
  WeightsFile file;
  for (const auto& [name, tensor] : export_weights(*narrow_network())) {
    if (!is_head(name))
      file.arrays.emplace_back(name, to_array(tensor.to(Device::ref, DType::bf16)));
  }
  write_safetensors(folder / "a.safetensors", file);
  convert_file(folder / "a.safetensors", folder / "b.h5");
  const WeightsFile found = read_weights(folder / "b.h5");
  CHECK(found.arrays.size() == file.arrays.size());
  for (const auto& [name, array] : file.arrays) {
    CAPTURE(name);
    REQUIRE(found.find(name) != nullptr);
    CHECK(found.find(name)->dtype == DType::f32);
    CHECK(to_tensor(*found.find(name)).to_vector<float>() == to_tensor(array).to_vector<float>());
  }
}

TEST_CASE("convert: what is no ResNet is copied as it is") {
  const TemporaryFolder folder;
  convert_file(golden_weights("odd.pt"), folder / "a.safetensors");
  convert_file(golden_weights("odd.pt"), folder / "a.h5");
  const WeightsFile original = read_weights(golden_weights("odd.pt"));
  for (const char* name : {"a.safetensors", "a.h5"}) {
    const WeightsFile copy = read_weights(folder / name);
    REQUIRE(copy.arrays.size() == original.arrays.size());
    for (std::size_t i = 0; i < copy.arrays.size(); ++i) {
      const auto& [key, array] = copy.arrays[i];
      const auto& [own_key, own] = original.arrays[i];
      CAPTURE(key);
      CHECK(key == own_key);
      CHECK(array.shape == own.shape);
      if (own.dtype == DType::bf16 && name == std::string("a.h5")) {
        CHECK(to_tensor(array).to_vector<float>() == to_tensor(own).to_vector<float>());
        continue;
      }
      CHECK(array.dtype == own.dtype);
      REQUIRE(array.bytes() == own.bytes());
      CHECK((own.bytes() == 0 || std::memcmp(array.data.get(), own.data.get(), own.bytes()) == 0));
    }
  }
}

TEST_CASE("convert: the file that is read is never written, by no name") {
  const TemporaryFolder folder;
  write_model_file(folder / "a.h5", *narrow_network(), info_of_three());
  const auto before = read_file_bytes(folder / "a.h5");
  std::filesystem::create_symlink("a.h5", folder / "link.h5");
  std::filesystem::create_hard_link(folder / "a.h5", folder / "same.h5");
  for (const char* name : {"a.h5", "link.h5", "same.h5"}) {
    CHECK(convert_error([&] { convert_file(folder / "a.h5", folder / name); }) ==
          (folder / name).string() + ": is the file that is read; name another");
  }
  CHECK(read_file_bytes(folder / "a.h5") == before);
  CHECK(folder.entries() == 3);
}

TEST_CASE("convert: a network that is incomplete or misshapen is refused in words") {
  const TemporaryFolder folder;
  write_model_file(folder / "a.h5", *narrow_network(), info_of_three());
  const WeightsFile whole = read_hdf5(folder / "a.h5");
  const auto error_without = [&](const std::string& name) {
    WeightsFile file = whole;
    std::erase_if(file.arrays, [&](const auto& entry) { return entry.first == name; });
    write_hdf5(folder / "b.h5", file);
    return convert_error([&] { convert_file(folder / "b.h5", folder / "c.safetensors"); });
  };
  CHECK(error_without("bn1.running_mean")
            .ends_with("b.h5: does not fit resnet basic [1, 1, 1, 1] width 2: bn1.running_mean is "
                       "missing"));
  CHECK(error_without("layer2.0.conv2.weight").find("layer2.0.conv2.weight") != std::string::npos);
  CHECK(error_without("fc.bias").ends_with("fc.bias is missing"));
  CHECK(!std::filesystem::exists(folder / "c.safetensors"));
}

TEST_CASE("convert: what can be written is known by its ending") {
  CHECK(check_convert_target("a.h5").empty());
  CHECK(check_convert_target("a.HDF5").empty());
  CHECK(check_convert_target("dir.pth/a.safetensors").empty());
  CHECK(check_convert_target("a.pth") ==
        "a.pth: PyTorch's pickles are read, not written; write a.safetensors and load it with: "
        "from safetensors.torch import load_file; "
        "model.load_state_dict(load_file(\"a.safetensors\"))");
  CHECK(check_convert_target("a.onnx") == "a.onnx: tlrun export writes ONNX");
  CHECK(check_convert_target("a") == "a: the name must end in .h5, .hdf5 or .safetensors");
  CHECK(check_convert_target("h5") == "h5: the name must end in .h5, .hdf5 or .safetensors");
}

}  // namespace tl::test
