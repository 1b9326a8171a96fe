// Dice: the random numbers of one picture, from Philox: a pure function of what the picture is.
// The arithmetic here and in the other drawing files is +, -, *, /, sqrt and floor alone, which
// IEEE 754 defines to the last bit: the pictures are the same bytes on every machine.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/philox.h"

namespace tl {

class Dice {
 public:
  /// A stream of its own for each (seed, a, b, c).
  Dice(std::uint64_t seed, std::uint32_t a, std::uint32_t b, std::uint32_t c)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, a, b, c} {}

  /// Uniform in [0, 1), a multiple of 2^-32.
  double uniform() { return word() * 0x1p-32; }
  /// Around 0, less often the larger: the sum of two uniform numbers in [0, 1), less 1.
  double triangular() {
    const std::uint32_t both = word();
    return ((both >> 16) + (both & 0xffff)) * 0x1p-16 - 1;
  }
  double in(double low, double high) { return low + (high - low) * uniform(); }
  /// One of 0 ... n - 1.
  int pick(int n) { return static_cast<int>(uniform() * n); }
  bool chance(double probability) { return uniform() < probability; }

 private:
  std::uint32_t word() {
    if (used_ == words_.size()) {
      words_ = philox(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return words_[used_++];
  }

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> words_{};
  std::size_t used_ = 4;
};

/// A place or a direction in the picture: x to the right, y downwards.
struct Point {
  double x = 0, y = 0;

  friend Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
  friend Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
  friend Point operator*(double s, Point a) { return {s * a.x, s * a.y}; }
  friend double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
  friend double length(Point a) { return std::sqrt(dot(a, a)); }
  /// This point in a frame whose x axis points along the unit vector `axis`.
  Point along(Point axis) const { return {dot(*this, axis), axis.x * y - axis.y * x}; }
};

inline double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
inline double mix(double a, double b, double share) { return a + (b - a) * share; }

/// The unit vector at `turns` (1 is the full circle), by Taylor series about the nearest quarter.
inline Point unit_vector(double turns) {
  const double quarter = std::floor(4 * turns + 0.5);
  const double t = (turns - quarter / 4) * 6.283185307179586, t2 = t * t;
  double c = 1, s = 1;  // 1 - t^2/2 (1 - t^2/12 (...)), and likewise sin(t) / t
  for (int k = 14; k > 0; k -= 2) {
    c = 1 - t2 / ((k - 1) * k) * c;
    s = 1 - t2 / (k * (k + 1)) * s;
  }
  s *= t;
  switch (static_cast<int>(quarter - 4 * std::floor(quarter / 4))) {
    case 0:
      return {c, s};
    case 1:
      return {-s, c};
    case 2:
      return {-c, -s};
    default:
      return {s, -c};
  }
}

}  // namespace tl
