// Generator: a seeded source of random arrays and orders, the same on every platform.
#pragma once

#include <cstdint>
#include <vector>

namespace tl {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : seed_(seed) {}
  /// Whose uniform() and normal() are all 0 and take no time: for a network that a file will fill.
  /// Orders and streams are those of seed 0.
  static Generator of_zeros();
  bool is_zero() const { return is_zero_; }
  std::uint64_t seed() const { return seed_; }

  /// `size` numbers, uniform in [0, 1), 32 random bits each.
  std::vector<double> uniform(std::int64_t size);
  /// `size` numbers from the normal distribution (Box-Muller on pairs of uniform numbers).
  std::vector<double> normal(std::int64_t size);
  /// The numbers 0 ... size - 1 in random order (Fisher-Yates).
  std::vector<std::int64_t> permutation(std::int64_t size);

  /// A Philox stream (kernels/philox.h) that is nobody else's, for a kernel that draws from it.
  struct Stream {
    std::uint64_t seed, number;
  };
  Stream next_stream() { return {seed_, calls_++}; }

 private:
  std::vector<std::uint32_t> words(std::int64_t size);

  std::uint64_t seed_;
  std::uint64_t calls_ = 0;  // each call draws from a Philox stream of its own
  bool is_zero_ = false;
};

}  // namespace tl
