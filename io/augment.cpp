#include "io/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/error.h"
#include "kernels/philox.h"

namespace tl {
namespace {

constexpr double kSmallestArea = 0.08, kFlattest = 3.0 / 4, kSteepest = 4.0 / 3;

/// Four numbers in [0, 1); `draw` counts the draws for one picture. The last word keeps these
/// streams apart from those of engine/random.h under the same seed, where it is 0.
std::array<double, 4> uniform4(const Augmentation& a, int64_t index, uint32_t draw) {
  const auto i = static_cast<uint64_t>(index);
  const auto words = philox({static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), a.epoch,
                             0x41554700u + draw},  // "AUG"
                            {static_cast<uint32_t>(a.seed), static_cast<uint32_t>(a.seed >> 32)});
  std::array<double, 4> numbers;
  std::transform(words.begin(), words.end(), numbers.begin(),
                 [](uint32_t w) { return w * 0x1p-32; });
  return numbers;
}

/// An integer in [0, n], uniform.
int64_t up_to(int64_t n, double u) { return static_cast<int64_t>(u * static_cast<double>(n + 1)); }

Window centred(int64_t height, int64_t width) {
  const double h = static_cast<double>(height), w = static_cast<double>(width);
  Window window{0, 0, height, width};
  if (w / h < kFlattest) window.height = std::lround(w / kFlattest);
  if (w / h > kSteepest) window.width = std::lround(h * kSteepest);
  window.top = (height - window.height) / 2;
  window.left = (width - window.width) / 2;
  return window;
}

Image part(const Image& x, const Window& window) {
  Image y{window.height, window.width,
          std::vector<uint8_t>(static_cast<size_t>(window.height * window.width * 3))};
  for (int64_t row = 0; row < window.height; ++row) {
    std::memcpy(y.rgb.data() + row * window.width * 3,
                x.rgb.data() + ((window.top + row) * x.width + window.left) * 3,
                static_cast<size_t>(window.width) * 3);
  }
  return y;
}

void mirror(Image& x) {
  for (int64_t row = 0; row < x.height; ++row) {
    uint8_t* pixels = x.rgb.data() + row * x.width * 3;
    for (int64_t left = 0, right = x.width - 1; left < right; ++left, --right)
      std::swap_ranges(pixels + left * 3, pixels + left * 3 + 3, pixels + right * 3);
  }
}

}  // namespace

RandomView random_view(int64_t height, int64_t width, const Augmentation& augmentation,
                       int64_t index) {
  check(height > 0 && width > 0, "augment: empty picture");
  const bool mirrored = uniform4(augmentation, index, 0)[0] < 0.5;
  const double area = static_cast<double>(height) * static_cast<double>(width);
  for (uint32_t draw = 1; draw <= 10; ++draw) {
    const auto u = uniform4(augmentation, index, draw);
    const double wanted = area * (kSmallestArea + (1 - kSmallestArea) * u[0]);
    const double ratio = kFlattest * std::pow(kSteepest / kFlattest, u[1]);
    const int64_t w = std::lround(std::sqrt(wanted * ratio));
    const int64_t h = std::lround(std::sqrt(wanted / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {{up_to(height - h, u[2]), up_to(width - w, u[3]), h, w}, mirrored};
  }
  return {centred(height, width), mirrored};
}

PreprocessPicture kernel_view(int64_t height, int64_t width, const Preprocessing& preprocessing,
                              const Augmentation& augmentation, int64_t index) {
  const RandomView view = random_view(height, width, augmentation, index);
  const int64_t crop = preprocessing.crop;
  const auto axis = [crop](int64_t size, int64_t begin, int64_t length) {
    return PreprocessAxis{
        .size = size, .begin = begin, .length = length, .resized = crop, .kept = crop};
  };
  return {.x = {},
          .rows = axis(height, view.window.top, view.window.height),
          .columns = axis(width, view.window.left, view.window.width),
          .mirrored = view.mirrored};
}

void augment(const Image& x, const Preprocessing& preprocessing, const Augmentation& augmentation,
             int64_t index, float* out) {
  const RandomView view = random_view(x.height, x.width, augmentation, index);
  Image y = resize_bilinear(part(x, view.window), preprocessing.crop, preprocessing.crop);
  if (view.mirrored) mirror(y);
  normalise(y, preprocessing, out);
}

}  // namespace tl
