// kernel_view: the kernels of kernels/preprocess.h give the bits of preprocess and augment, where
// they are told what these do.
#include <doctest/doctest.h>

#include <vector>

#include "io/augment.h"
#include "io/preprocess.h"
#include "kernels/backend.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using test::noise;

std::vector<float> by_kernel(const Image& x, const Preprocessing& preprocessing,
                             PreprocessPicture view) {
  view.x = view_of(x.rgb.data(), static_cast<int64_t>(x.rgb.size()));
  const std::vector<PreprocessPicture> pictures = {view};
  std::vector<uint32_t> workspace(
      static_cast<size_t>(preprocess_workspace_bytes(pictures)) / sizeof(uint32_t) + 1);
  std::vector<float> y(static_cast<size_t>(preprocessing.size()), -1e30f);
  const View scratch{workspace.data(), DType::u8,
                     static_cast<int64_t>(workspace.size() * sizeof(uint32_t))};
  const PreprocessProblem problem{.n = 1,
                                  .height = preprocessing.crop,
                                  .width = preprocessing.crop,
                                  .mean = preprocessing.mean,
                                  .std = preprocessing.std};
  ref_backend().preprocess.run({}, problem, pictures, scratch,
                               view_of(y.data(), preprocessing.size()));
  return y;
}

TEST_CASE("kernel_view: the kernel's bits are those of preprocess") {
  const int64_t sizes[][4] = {{375, 500, 256, 224}, {41, 29, 32, 27}, {20, 31, 16, 24},
                              {31, 20, 16, 23},     {10, 10, 9, 11},  {9, 400, 8, 8}};
  for (const auto& [height, width, resize, crop] : sizes) {
    CAPTURE(height);
    CAPTURE(width);
    Preprocessing preprocessing;
    preprocessing.resize = static_cast<int>(resize);
    preprocessing.crop = static_cast<int>(crop);
    const Image x = noise(height, width);
    std::vector<float> expected(static_cast<size_t>(preprocessing.size()));
    preprocess(x, preprocessing, expected.data());
    CHECK((by_kernel(x, preprocessing, kernel_view(height, width, preprocessing)) == expected));
  }
}

TEST_CASE("kernel_view: the kernel's bits are those of augment") {
  Preprocessing preprocessing;
  preprocessing.crop = 33;
  const Image x = noise(61, 87);
  int mirrored = 0;
  for (int64_t index = 0; index < 12; ++index) {
    CAPTURE(index);
    const Augmentation augmentation{.seed = 5, .epoch = 2};
    const PreprocessPicture view =
        kernel_view(x.height, x.width, preprocessing, augmentation, index);
    mirrored += view.mirrored;
    std::vector<float> expected(static_cast<size_t>(preprocessing.size()));
    augment(x, preprocessing, augmentation, index, expected.data());
    CHECK((by_kernel(x, preprocessing, view) == expected));
  }
  CHECK(mirrored > 0);
  CHECK(mirrored < 12);
}

}  // namespace
}  // namespace tl
