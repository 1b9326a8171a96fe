// Divisor: quotient and remainder by a number that is known on the host. A division of 64-bit
// integers costs a GPU a hundred instructions; a multiplication by the reciprocal, three.
// Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/cuda/compat.cuh"
#include "kernels/error.h"

namespace tl::TL_DEVICE_NAMESPACE {

/// n = quotient * divisor + remainder
struct Division {
  std::int64_t quotient, remainder;
};

/// Of n in [0, 2^31), by a divisor in [1, 2^31].
class Divisor {
 public:
  static constexpr std::int64_t kLimit = std::int64_t{1} << 31;  ///< n lies below it

  Divisor() = default;
  explicit Divisor(std::int64_t divisor)
      : divisor_(checked(divisor)),
        shift_(static_cast<std::uint32_t>(std::bit_width(divisor_ - 1))),
        factor_(static_cast<std::uint32_t>(
            ((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift_) - divisor_)) / divisor_ +
            1)) {}

  __device__ Division operator()(std::int64_t number) const {
    const std::uint32_t n = static_cast<std::uint32_t>(number);
    const std::uint32_t high = static_cast<std::uint32_t>(std::uint64_t{n} * factor_ >> 32);
    const std::uint32_t quotient = (high + n) >> shift_;  // both below 2^31: no overflow
    return {quotient, n - quotient * divisor_};
  }

 private:
  static std::uint32_t checked(std::int64_t divisor) {
    check(divisor >= 1 && divisor <= kLimit, "Divisor: needs one in [1, 2^31], got ", divisor);
    return static_cast<std::uint32_t>(divisor);
  }

  std::uint32_t divisor_, shift_, factor_;
};

/// Of any numbers, by the processor's own division: for buffers of 2^31 elements and more.
class WideDivisor {
 public:
  WideDivisor() = default;
  explicit WideDivisor(std::int64_t divisor) : divisor_(divisor) {}

  __device__ Division operator()(std::int64_t n) const { return {n / divisor_, n % divisor_}; }

 private:
  std::int64_t divisor_;
};

/// Calls f(D{}) with D the divisor to take for numbers in [0, size).
template <class F>
void with_divisor(std::int64_t size, const F& f) {
  if (size <= Divisor::kLimit) {
    f(Divisor{});
  } else {
    f(WideDivisor{});
  }
}

}  // namespace tl::TL_DEVICE_NAMESPACE
