// Divisor: quotients and remainders by multiplication, held against the processor's own.
#include "kernels/cuda/divisor.cuh"

#include <doctest/doctest.h>

#include <random>
#include <type_traits>
#include <vector>

namespace tl::simt {
namespace {

template <class D>
bool is_right(const D& divide, std::int64_t n, std::int64_t divisor) {
  const Division d = divide(n);
  return d.quotient == n / divisor && d.remainder == n % divisor;
}

TEST_CASE("Divisor: both ends of every multiple, all powers of two, the largest numbers") {
  std::vector<std::int64_t> divisors = {3,  5,   6,    7,     9,       10,
                                        11, 641, 1000, 65537, 6700417, 715827883};
  for (int k = 0; k <= 31; ++k) {
    for (const std::int64_t d : {-1, 0, 1}) divisors.push_back((std::int64_t{1} << k) + d);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    divisors.push_back(1 + static_cast<std::int64_t>(random() >> (33 + random() % 31)));
  }
  for (const std::int64_t divisor : divisors) {
    if (divisor < 1 || divisor > Divisor::kLimit) continue;
    CAPTURE(divisor);
    const Divisor divide(divisor);
    const auto check_near = [&](std::int64_t n) {
      for (std::int64_t at = n - 1; at <= n + 1; ++at) {
        if (at < 0 || at >= Divisor::kLimit) continue;
        CAPTURE(at);
        REQUIRE(is_right(divide, at, divisor));
      }
    };
    check_near(0);
    check_near(Divisor::kLimit - 1);
    check_near((Divisor::kLimit - 1) / divisor * divisor);
    for (int i = 0; i < 50; ++i) {
      check_near(static_cast<std::int64_t>(random() >> 33) / divisor * divisor);
    }
  }
}

TEST_CASE("Divisor refuses what it cannot divide by; WideDivisor takes any") {
  CHECK_THROWS_WITH_AS(Divisor(0), "Divisor: needs one in [1, 2^31], got 0", Error);
  CHECK_THROWS_AS(Divisor(Divisor::kLimit + 1), Error);
  for (const std::int64_t divisor : {std::int64_t{1}, std::int64_t{7}, std::int64_t{1} << 40}) {
    for (const std::int64_t n :
         {std::int64_t{0}, std::int64_t{1} << 33, (std::int64_t{1} << 62) + 5}) {
      CHECK(is_right(WideDivisor(divisor), n, divisor));
    }
  }
  bool is_wide = false;
  with_divisor(Divisor::kLimit, [&]<class D>(D) { is_wide = std::is_same_v<D, WideDivisor>; });
  CHECK(!is_wide);
  with_divisor(Divisor::kLimit + 1, [&]<class D>(D) { is_wide = std::is_same_v<D, WideDivisor>; });
  CHECK(is_wide);
}

}  // namespace
}  // namespace tl::simt
