// Philox against its authors' numbers, and the Generator on top.
#include "engine/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/philox.h"

namespace tl::test {
namespace {

using Words = std::array<std::uint32_t, 4>;

// From the known-answer file that the authors publish with Random123 (philox4x32, 10 rounds).
static_assert(philox({0, 0, 0, 0}, {0, 0}) ==
              Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

TEST_CASE("random: the same seed gives the same numbers, another seed or call others") {
  Generator a(7), b(7), c(8);
  const auto first = a.uniform(1000);
  CHECK(first == b.uniform(1000));
  CHECK(first != c.uniform(1000));
  CHECK(first != a.uniform(1000));
  CHECK(a.normal(5) != a.normal(5));
}

TEST_CASE("random: a generator of zeros") {
  Generator zeros = Generator::of_zeros();
  CHECK(zeros.uniform(3) == std::vector<double>(3, 0.0));
  CHECK(zeros.normal(3) == std::vector<double>(3, 0.0));
}

TEST_CASE("random: a longer array starts with the shorter one") {
  Generator a(3), b(3);
  auto longer = a.uniform(1003);
  longer.resize(6);
  CHECK(longer == b.uniform(6));
}

TEST_CASE("random: the first numbers are words of Philox") {
  // Counter: block in the lower half, call in the upper; key: the seed.
  const std::uint64_t seed = 0x123456789abcdef0;
  Generator random(seed);
  random.uniform(1);
  const auto second_call = random.uniform(6);
  const Words block0 = philox({0, 0, 1, 0}, {0x9abcdef0, 0x12345678});
  const Words block1 = philox({1, 0, 1, 0}, {0x9abcdef0, 0x12345678});
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(second_call[i] == (i < 4 ? block0[i] : block1[i - 4]) * 0x1p-32);
  }
}

TEST_CASE("random: uniform numbers are uniform") {
  Generator random(11);
  const auto x = random.uniform(100000);
  std::array<int, 10> bins{};
  double sum = 0;
  for (const double v : x) {
    REQUIRE(v >= 0);
    REQUIRE(v < 1);
    ++bins[static_cast<std::size_t>(v * 10)];
    sum += v;
  }
  // 5 standard deviations.
  CHECK(std::abs(sum / 1e5 - 0.5) < 5 * std::sqrt(1.0 / 12 / 1e5));
  for (const int count : bins) CHECK(std::abs(count - 10000) < 5 * std::sqrt(9000));
}

TEST_CASE("random: normal numbers have the moments of the normal distribution") {
  Generator random(12);
  CHECK(random.normal(7).size() == 7);
  CHECK(random.normal(0).empty());
  const double n = 100001;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  int beyond_two = 0;
  for (const double v : random.normal(100001)) {
    REQUIRE(std::isfinite(v));
    m1 += v / n;
    m2 += v * v / n;
    m3 += v * v * v / n;
    m4 += v * v * v * v / n;
    beyond_two += std::abs(v) > 2;
  }
  // 5 standard deviations of each estimate.
  CHECK(std::abs(m1) < 5 * std::sqrt(1 / n));
  CHECK(std::abs(m2 - 1) < 5 * std::sqrt(2 / n));
  CHECK(std::abs(m3) < 5 * std::sqrt(15 / n));
  CHECK(std::abs(m4 - 3) < 5 * std::sqrt(96 / n));
  CHECK(std::abs(beyond_two / n - 0.0455) < 5 * std::sqrt(0.0455 / n));
}

TEST_CASE("random: permutations are permutations, and every element moves everywhere") {
  Generator random(13);
  CHECK(random.permutation(0).empty());
  CHECK(random.permutation(1) == std::vector<std::int64_t>{0});
  std::set<std::vector<std::int64_t>> seen;
  std::array<std::array<int, 4>, 4> place{};
  for (int i = 0; i < 2400; ++i) {
    const auto order = random.permutation(4);
    seen.insert(order);
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    REQUIRE(sorted == std::vector<std::int64_t>{0, 1, 2, 3});
    for (std::size_t j = 0; j < 4; ++j) ++place[static_cast<std::size_t>(order[j])][j];
  }
  CHECK(seen.size() == 24);
  for (const auto& row : place)
    for (const int count : row) CHECK(std::abs(count - 600) < 5 * std::sqrt(450));
}

}  // namespace
}  // namespace tl::test
