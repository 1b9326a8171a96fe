// Weights files whose attributes were made to harm who reads them: each is one line of error.
#include <doctest/doctest.h>

#include "apps/model_file.h"
#include "io/hdf5_weights.h"
#include "io/safetensors.h"
#include "tests/io/golden_weights.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

/// What is said of a network of tests/golden/weights with these attributes, without the path.
std::string refusal(const std::map<std::string, std::string>& attributes) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  WeightsFile file = read_weights(golden_weights("resnet.safetensors"));
  file.attributes = attributes;
  write_safetensors(path, file);
  try {
    read_model_file(path);
  } catch (const Error& error) {
    return std::string(error.what()).substr(path.size() + 2);
  }
  return "";
}

const std::string many_brackets = std::string(1'000'000, '[') + std::string(1'000'000, ']');
const std::string preprocessing =
    R"({"resize": 256, "crop": 224, "mean": [0, 0, 0], "std": [1, 1, 1]})";

TEST_CASE("hostile weights: attributes nested a million deep") {
  const std::string deep = "JSON nested over 256 deep";
  CHECK(refusal({{"unseen", "{\"a\": " + many_brackets + "}"}}) == deep);
  CHECK(refusal({{"classes", "[\"a\"]"}, {"preprocessing", many_brackets}}) == deep);
  CHECK(refusal({{"classes", many_brackets}, {"preprocessing", preprocessing}}) ==
        "attribute 'classes' is not a list of names");
}

TEST_CASE("hostile weights: a Keras model's configuration nested a million deep") {
  const TemporaryFolder folder;
  const std::vector<float> numbers(7 * 7 * 3);
  WeightsFile file;
  file.arrays.emplace_back("conv1_conv/kernel", Array::copy_of<float>({7, 7, 3, 1}, numbers));
  file.attributes["model_config"] =
      R"({"class_name": "Rescaling", "config": {"scale": )" + many_brackets + "}}";
  write_hdf5(folder / "x.h5", file);
  std::string what;
  try {
    read_model_file(folder / "x.h5");
  } catch (const Error& error) {
    what = error.what();
  }
  CHECK(what == (folder / "x.h5").string() + ": JSON nested over 256 deep");
}

TEST_CASE("hostile weights: class names that would write to the terminal") {
  const auto named = [](const std::string& name) {
    return refusal({{"classes", "[\"cat\", \"" + name + "\"]"}, {"preprocessing", preprocessing}});
  };
  CHECK(named("a dog") == "");
  CHECK(named("\\u001b[2Jdog") ==
        "attribute 'classes' has a name with a control character: ?[2Jdog");
  CHECK(named("dog\\n") == "attribute 'classes' has a name with a control character: dog?");
}

}  // namespace
}  // namespace tl::test
