// render_patterns DIR COUNT: pictures of two classes, spots and stripes, for trying the program
// without any data: DIR/train/CLASS/ and DIR/val/CLASS/, COUNT and COUNT / 3 pictures per class.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <numbers>
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

/// Whether (x, y) lies on the figure.
using Figure = std::function<bool(double x, double y)>;

/// Parallel stripes of random width and direction over the whole picture.
Figure stripes(Generator& random) {
  const std::vector<double> u = random.uniform(3);
  const double turn = std::numbers::pi * u[0], period = 8 + 8 * u[1], phase = u[2];
  return [=](double x, double y) {
    const double across = (x * std::cos(turn) + y * std::sin(turn)) / period + phase;
    return across - std::floor(across) < 0.5;
  };
}

/// A few discs of random size and place.
Figure spots(Generator& random) {
  constexpr std::size_t kSpots = 6;
  const std::vector<double> u = random.uniform(3 * kSpots);
  return [=](double x, double y) {
    for (std::size_t i = 0; i < kSpots; ++i) {
      const double radius = kSize * (0.08 + 0.08 * u[3 * i]);
      if (std::hypot(x - kSize * u[3 * i + 1], y - kSize * u[3 * i + 2]) < radius) return true;
    }
    return false;
  };
}

/// The figure in one random colour on another, lit from a random side, with a little noise.
std::vector<std::uint8_t> draw(const Figure& figure, Generator& random) {
  const std::vector<double> u = random.uniform(5);
  const Colour light{0.6 + 0.4 * u[0], 0.6 + 0.4 * u[1], 0.6 + 0.4 * u[2]};
  const Colour dark{0.4 * u[1], 0.4 * u[2], 0.4 * u[0]};
  const std::vector<double> noise = random.uniform(kSize * kSize);
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x < kSize; ++x) {
      const Colour& c = figure(x, y) == (u[4] < 0.5) ? light : dark;
      const double brightness = 0.7 + 0.2 * (u[3] * x + (1 - u[3]) * y) / kSize +
                                0.1 * noise[static_cast<std::size_t>(y * kSize + x)];
      for (double value : {c.r, c.g, c.b})
        rgb.push_back(static_cast<std::uint8_t>(20 + 230 * value * brightness));
    }
  }
  return rgb;
}

void render(const std::filesystem::path& dir, int count, Generator& random) {
  for (const char* name : {"spots", "stripes"}) {
    std::filesystem::create_directories(dir / name);
    for (int i = 0; i < count; ++i) {
      const bool is_striped = std::string(name) == "stripes";
      const auto rgb = draw(is_striped ? stripes(random) : spots(random), random);
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
    std::fprintf(stderr, "usage: render_patterns DIR COUNT\n");
    return 2;
  }
  try {
    tl::Generator random(0);
    const std::filesystem::path dir = argv[1];
    tl::render(dir / "train", count, random);
    tl::render(dir / "val", (count + 2) / 3, random);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "render_patterns: %s\n", error.what());
    return 1;
  }
}
