// BFloat16: rounding by hand, and every one of its 65536 values.
#include "kernels/bfloat16.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace tl {
namespace {

TEST_CASE("BFloat16 rounds to the nearest, ties to even") {
  const auto rounded = [](float x) { return static_cast<float>(BFloat16(x)); };
  const float step = 1.0f / 128;  // between numbers in [1, 2)
  CHECK(rounded(1 + step) == 1 + step);
  CHECK(rounded(1 + 0.25f * step) == 1);
  CHECK(rounded(1 + 0.75f * step) == 1 + step);
  CHECK(rounded(1 + 0.5f * step) == 1);
  CHECK(rounded(1 + 1.5f * step) == 1 + 2 * step);
  CHECK(rounded(1 + 1.5f * step - 1e-6f) == 1 + step);
  CHECK(rounded(-1 - 1.5f * step) == -1 - 2 * step);
  CHECK(rounded(2 - 0.5f * step) == 2);
  const float most = std::numeric_limits<float>::max(), infinity = most * 2;
  CHECK(rounded(most) == infinity);
  CHECK(rounded(-infinity) == -infinity);
  CHECK(std::isnan(rounded(std::bit_cast<float>(0x7f800001u))));
  CHECK(std::signbit(rounded(-0.0f)));
}

TEST_CASE("BFloat16: every value comes back from f32 as it was") {
  int different = 0, numbers = 0;
  for (std::uint32_t bits = 0; bits < 1u << 16; ++bits) {
    const auto x = std::bit_cast<BFloat16>(static_cast<std::uint16_t>(bits));
    if (std::isnan(static_cast<float>(x))) continue;
    ++numbers;
    different += std::bit_cast<std::uint16_t>(BFloat16(static_cast<float>(x))) != bits;
  }
  CHECK(numbers == (1 << 16) - 2 * 127);
  CHECK(different == 0);
}

}  // namespace
}  // namespace tl
