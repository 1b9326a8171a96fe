// BFloat16: the upper half of an f32. It is a storage type: kernels convert it to f32 when they
// load, compute in f32, and round once when they store.
#pragma once

#include <bit>
#include <cstdint>

namespace tl {

/// 1 sign bit, 8 exponent bits, 7 mantissa bits: the range of f32 with two to three digits.
class BFloat16 {
 public:
  BFloat16() = default;
  /// Rounded to the nearest, ties to even; NaN stays NaN, what is too large becomes infinity.
  constexpr explicit BFloat16(float value) : bits_(rounded_bits(value)) {}
  /// Exact.
  constexpr operator float() const {  // NOLINT: it is a number
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits_) << 16);
  }

 private:
  static constexpr std::uint16_t rounded_bits(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
    // Half of the last place that stays, less one where that place is even.
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }

  std::uint16_t bits_;
};

}  // namespace tl
