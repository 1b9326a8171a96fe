// Float16: a number of 16 bits as files hold it (IEEE 754 binary16). Nothing computes with it.
#pragma once

#include <bit>
#include <cstdint>

namespace tl {

/// 1 sign bit, 5 exponent bits, 10 mantissa bits. Every value is an f32 too.
class Float16 {
 public:
  static constexpr Float16 from_bits(std::uint16_t bits) { return Float16(bits); }
  Float16() = default;

  /// Exact. A NaN becomes a quiet one and keeps its payload, as in the conversions of processors.
  constexpr operator float() const {  // NOLINT: it is a number
    const std::uint32_t sign = std::uint32_t{bits_ & 0x8000u} << 16;
    const std::uint32_t exponent = bits_ >> 10 & 0x1f, mantissa = bits_ & 0x3ff;
    if (exponent == 0) {  // a multiple of 2^-24
      const float size = static_cast<float>(mantissa) * 0x1p-24f;
      return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(size));
    }
    // 112: the difference of the biases, 127 - 15. Infinity and NaN have all exponent bits set.
    const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;
    const std::uint32_t quiet = exponent == 0x1f && mantissa != 0 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | wide << 23 | mantissa << 13 | quiet);
  }

 private:
  constexpr explicit Float16(std::uint16_t bits) : bits_(bits) {}

  std::uint16_t bits_;
};

}  // namespace tl
