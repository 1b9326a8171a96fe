// preprocess against torchvision's rules on Pillow (hashes made by tests/peers/preprocess.py's
// resize_and_crop, with torchvision's black border where the crop is larger; the picture and the
// hash are those of resize_test.cpp), the arithmetic of normalisation, and the JSON form.
#include "io/preprocess.h"

#include <doctest/doctest.h>

#include "kernels/error.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using test::error_of;
using test::hash_of;
using test::noise;

struct CropGolden {
  int64_t height, width;
  int resize, crop;
  uint64_t hash;
};

const CropGolden crop_goldens[] = {
    {375, 500, 256, 224, 0x4924e15c83f763ddu}, {500, 333, 256, 224, 0xe4425ccdf04b0a12u},
    {41, 29, 32, 27, 0x9d3818eb80c22518u},     {29, 41, 32, 27, 0x3a231da79692be88u},
    {20, 31, 16, 24, 0xb791810636bb0af5u},     {31, 20, 16, 23, 0xad24e408a7155ecau},
    {10, 10, 9, 12, 0x65fd97aaac78d819u},      {10, 10, 9, 11, 0x4d7d9c022ea64f61u},
    {256, 300, 256, 224, 0xfc6c68bbd1c1ea2bu}, {9, 400, 8, 8, 0xcbeabd41f90d7e41u},
};

TEST_CASE("resize_and_crop: the same bytes as torchvision on Pillow") {
  for (const CropGolden& golden : crop_goldens) {
    CAPTURE(golden.height);
    CAPTURE(golden.width);
    Preprocessing preprocessing;
    preprocessing.resize = golden.resize;
    preprocessing.crop = golden.crop;
    const Image y = resize_and_crop(noise(golden.height, golden.width), preprocessing);
    CHECK(y.height == golden.crop);
    CHECK(hash_of(y.rgb) == golden.hash);
  }
}

TEST_CASE("preprocess: (value / 255 - mean) / std in single precision, channels last") {
  Preprocessing preprocessing;
  preprocessing.resize = 20;
  preprocessing.crop = 16;
  const Image x = noise(33, 27);
  std::vector<float> out(static_cast<size_t>(preprocessing.size()), -1e30f);
  preprocess(x, preprocessing, out.data());
  const Image y = resize_and_crop(x, preprocessing);
  REQUIRE(out.size() == y.rgb.size());
  bool equal = true;
  for (size_t i = 0; i < out.size(); ++i) {
    const float unit = static_cast<float>(y.rgb[i]) / 255.0f;
    equal = equal && out[i] == (unit - preprocessing.mean[i % 3]) / preprocessing.std[i % 3];
  }
  CHECK(equal);
}

TEST_CASE("preprocess: an extremely long picture needs no memory for what is cropped away") {
  Preprocessing preprocessing;
  const Image x = noise(1, 65500);  // 256 x 16,768,000 once resized
  CHECK(resize_and_crop(x, preprocessing).rgb.size() == 224 * 224 * 3);
}

TEST_CASE("preprocessing: JSON there and back") {
  const Preprocessing imagenet;
  CHECK(to_json(imagenet) ==
        R"({"resize":256,"crop":224,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]})");
  Preprocessing odd;
  odd.resize = 31;
  odd.crop = 7;
  odd.mean = {1.0f / 3, -2e-8f, 0.1f};
  odd.std = {1e-20f, 3e20f, 0.7f};
  CHECK(preprocessing_from_json(to_json(odd)) == odd);
  CHECK(preprocessing_from_json(to_json(imagenet)) == imagenet);
}

TEST_CASE("preprocessing: JSON that makes no sense is refused in one line") {
  const auto refusal = [](const char* text) {
    return error_of([&] { preprocessing_from_json(text); });
  };
  CHECK(refusal("{") == "preprocessing: expected a JSON object with resize, crop, mean and std");
  CHECK(refusal("[1]") == "preprocessing: expected a JSON object with resize, crop, mean and std");
  CHECK(refusal(R"({"resize":1.5})") == "preprocessing: \"resize\" must be an integer");
  CHECK(refusal(R"({"resize":0})") == "preprocessing: \"resize\" is 0, expected 1 to 16384");
  CHECK(refusal(R"({"resize":8,"crop":8,"mean":[0,0],"std":[1,1,1]})") ==
        "preprocessing: \"mean\" must be an array of 3 numbers");
  CHECK(refusal(R"({"resize":8,"crop":8,"mean":[0,0,0],"std":[1,0,1]})") ==
        "preprocessing: \"std\" must be positive, got 0");
  CHECK(refusal(R"({"resize":8,"crop":8,"mean":[0,0,1e99],"std":[1,1,1]})") ==
        "preprocessing: \"mean\" must be finite");
}

TEST_CASE("preprocess: Caffe's numbers are 0 to 255 minus the mean colour, in red, green, blue") {
  const Image x{1, 2, {0, 128, 255, 200, 1, 90}};
  std::vector<float> y(6);
  normalise(x, caffe_preprocessing(), y.data());
  const double mean[] = {123.68, 116.779, 103.939};
  for (size_t i = 0; i < y.size(); ++i)
    CHECK(std::abs(y[i] - (x.rgb[i] - mean[i % 3])) <= 255 * 0x1p-22);
  CHECK(preprocessing_from_json(to_json(caffe_preprocessing())) == caffe_preprocessing());
}

}  // namespace
}  // namespace tl
