// Random test data, the same on every platform.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace tl::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [low, high), rounded to f32 so that f32 and f64 kernels get the same numbers.
  double uniform(double low = -1, double high = 1) {
    const double unit = static_cast<double>(engine_() >> 11) * 0x1p-53;
    return static_cast<double>(static_cast<float>(low + (high - low) * unit));
  }
  /// Uniform in [low, high], both included.
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::vector<double> uniform_vector(std::int64_t size, double low = -1, double high = 1) {
    std::vector<double> v(static_cast<std::size_t>(size));
    for (double& x : v) x = uniform(low, high);
    return v;
  }
  /// Small integers: sums of their products are exact in f32, so results compare with ==.
  std::vector<double> integer_vector(std::int64_t size, std::int64_t low = -3,
                                     std::int64_t high = 3) {
    std::vector<double> v(static_cast<std::size_t>(size));
    for (double& x : v) x = static_cast<double>(integer(low, high));
    return v;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tl::test
