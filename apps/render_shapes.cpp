// render_shapes DIR COUNT: pictures of two classes, discs and squares, for trying the program
// without any data: DIR/train/CLASS/ and DIR/val/CLASS/, COUNT and COUNT / 3 pictures per class.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/random.h"
#include "kernels/error.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace tl {
namespace {

constexpr int kSize = 160;

struct Colour {
  double r, g, b;
};

/// One shape of random size, place, turn and colour on a background of another colour, lit from a
/// random side, with a little noise.
std::vector<std::uint8_t> draw(bool disc, Generator& random) {
  const std::vector<double> u = random.uniform(12);
  const Colour shape{u[0], u[1], u[2]};
  const Colour ground{1 - u[0], 1 - u[1], u[3]};
  const double radius = kSize * (0.18 + 0.15 * u[4]);
  const double x0 = kSize * (0.35 + 0.3 * u[5]), y0 = kSize * (0.35 + 0.3 * u[6]);
  const double turn = u[7] * 1.5707963267948966;
  const std::vector<double> noise = random.uniform(kSize * kSize);
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x < kSize; ++x) {
      const double dx = x - x0, dy = y - y0;
      const double a = std::abs(dx * std::cos(turn) + dy * std::sin(turn));
      const double b = std::abs(dy * std::cos(turn) - dx * std::sin(turn));
      const bool inside = disc ? std::hypot(dx, dy) < radius : std::max(a, b) < 0.886 * radius;
      const Colour& c = inside ? shape : ground;
      const double light = 0.7 + 0.3 * (u[8] * x + (1 - u[8]) * y) / kSize +
                           0.1 * noise[static_cast<std::size_t>(y * kSize + x)];
      for (double value : {c.r, c.g, c.b})
        rgb.push_back(static_cast<std::uint8_t>(std::min(255.0, 40 + 190 * value * light)));
    }
  }
  return rgb;
}

void render(const std::filesystem::path& dir, int count, Generator& random) {
  for (const char* name : {"disc", "square"}) {
    std::filesystem::create_directories(dir / name);
    for (int i = 0; i < count; ++i) {
      const auto rgb = draw(std::string(name) == "disc", random);
      const std::string file = (dir / name / (std::to_string(i) + ".png")).string();
      check(stbi_write_png(file.c_str(), kSize, kSize, 3, rgb.data(), 3 * kSize) != 0, file,
            ": cannot be written");
    }
  }
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  const int count = argc == 3 ? std::atoi(argv[2]) : 0;
  if (count < 1) {
    std::fprintf(stderr, "usage: render_shapes DIR COUNT\n");
    return 2;
  }
  try {
    tl::Generator random(0);
    const std::filesystem::path dir = argv[1];
    tl::render(dir / "train", count, random);
    tl::render(dir / "val", (count + 2) / 3, random);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "render_shapes: %s\n", error.what());
    return 1;
  }
}
