// dropout: the mask is the Philox stream's, on every backend, exactly.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "kernels/philox.h"
#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// The definition: numbers of the stream, one by one.
Values expected_dropout(const DropoutProblem& p, const Values& x) {
  Values y;
  const float scale = static_cast<float>(1 / (1 - p.rate));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint64_t block = i / 4;
    const auto words =
        philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                static_cast<std::uint32_t>(p.call), static_cast<std::uint32_t>(p.call >> 32)},
               {static_cast<std::uint32_t>(p.seed), static_cast<std::uint32_t>(p.seed >> 32)});
    const bool keep = words[i % 4] * 0x1p-32 >= p.rate;
    y.push_back(keep ? static_cast<double>(static_cast<float>(x[i]) * scale) : 0);
  }
  return y;
}

const DropoutProblem kDropoutProblems[] = {
    {.rate = 0.5, .seed = 1, .call = 0},
    {.rate = 0.25, .seed = 0xFEDCBA9876543210, .call = 3},
    {.rate = 0.1, .seed = 7, .call = 0x123456789ABCDEF0},
    {.rate = 0, .seed = 5, .call = 1},
};

TEST_CASE("dropout: every size and alignment, in place and not") {
  for_each_backend([](const Backend& b) {
    if (!b.dropout.run) return;
    for (const DropoutProblem& p : kDropoutProblems) {
      CAPTURE(p.rate);
      for (std::int64_t size : {0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 1009, 16384, 16387, 50000}) {
        CAPTURE(size);
        const Values in = Random(2).uniform_vector(size, 0.5, 2);
        const Values expected = expected_dropout(p, in);
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer x(b, DType::f32, in, offset), y(b, DType::f32, size, 2 * offset);
          b.dropout.run({}, p, x, y);
          CHECK((y.read() == expected));
          CHECK((x.read() == in));
          b.dropout.run({}, p, x, x);
          CHECK((x.read() == expected));
        }
      }
    }
  });
}

TEST_CASE("dropout: bf16 has the mask of f32, and is rounded once") {
  for_each_backend([](const Backend& b) {
    if (!b.dropout.run || !computes_bf16(b)) return;
    for (const DropoutProblem& p : kDropoutProblems) {
      CAPTURE(p.rate);
      for (std::int64_t size : {0, 1, 7, 8, 9, 1009}) {
        CAPTURE(size);
        const Values in = rounded_to_bf16(Random(2).uniform_vector(size, 0.5, 2));
        const Values expected = rounded_to_bf16(expected_dropout(p, in));
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer x(b, DType::bf16, in, offset), y(b, DType::bf16, size, 2 * offset);
          b.dropout.run({}, p, x, y);
          CHECK((y.read() == expected));
          b.dropout.run({}, p, x, x);
          CHECK((x.read() == expected));
        }
      }
    }
  });
}

TEST_CASE("dropout: an offset in device memory makes it another call") {
  for_each_backend([](const Backend& b) {
    if (!b.dropout.run) return;
    constexpr std::int64_t kSize = 1009;
    const Values in = Random(2).uniform_vector(kSize, 0.5, 2);
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0}}) {
      CAPTURE(offset);
      void* device = nullptr;
      b.memory.allocate(sizeof offset, &device);
      // As bytes: no dtype has 64-bit integers.
      b.memory.copy_from_host({}, {&offset, DType::u8, sizeof offset},
                              {device, DType::u8, sizeof offset});
      const DeviceBuffer x(b, DType::f32, in), y(b, DType::f32, kSize);
      DropoutProblem p{.rate = 0.5, .seed = 3, .call = 9};
      p.call_offset = static_cast<const std::uint64_t*>(device);
      b.dropout.run({}, p, x, y);
      p.call += offset;
      CHECK((y.read() == expected_dropout(p, in)));
      b.memory.release({}, sizeof offset, device);
    }
  });
}

TEST_CASE("dropout: a rate of 1 drops everything, NaN as well") {
  for_each_backend([](const Backend& b) {
    if (!b.dropout.run) return;
    const DeviceBuffer x(b, DType::f32, Values(37, std::nan(""))), y(b, DType::f32, 37);
    b.dropout.run({}, {.rate = 1, .seed = 3}, x, y);
    CHECK((y.read() == Values(37, 0)));
  });
}

TEST_CASE("dropout: as many are kept as the rate says") {
  // Binomial: five standard deviations.
  const Backend b = cpu_backend();
  constexpr std::int64_t kSize = 100000;
  const DeviceBuffer x(b, DType::f32, Values(kSize, 1)), y(b, DType::f32, kSize);
  for (double rate : {0.1, 0.5, 0.9}) {
    CAPTURE(rate);
    b.dropout.run({}, {.rate = rate, .seed = 11, .call = 2}, x, y);
    double kept = 0;
    for (double v : y.read()) kept += v != 0;
    CHECK(std::abs(kept - kSize * (1 - rate)) <= 5 * std::sqrt(kSize * rate * (1 - rate)));
  }
}

TEST_CASE("dropout: ref in f64 has the mask of f32") {
  const Backend& b = reference();
  const DropoutProblem p{.rate = 0.3, .seed = 9, .call = 4};
  const DeviceBuffer ones(b, DType::f32, Values(100, 1)), single(b, DType::f32, 100);
  const DeviceBuffer x(b, DType::f64, Values(100, 1)), y(b, DType::f64, 100);
  b.dropout.run({}, p, ones, single);
  b.dropout.run({}, p, x, y);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(y.read()[i] == (single.read()[i] != 0 ? 1 / 0.7 : 0));
  }
}

TEST_CASE("dropout: wrong dtypes are refused") {
  for (const Backend& b : tested_backends()) {
    if (!b.dropout.run) continue;
    const DeviceBuffer f32(b, DType::f32, 4), i32(b, DType::i32, 4);
    CHECK_THROWS_AS(b.dropout.run({}, {}, i32, i32), Error);
    CHECK_THROWS_AS(b.dropout.run({}, {}, i32, f32), Error);
  }
}

TEST_CASE("dropout: same bits for every thread count") {
  const Backend b = cpu_backend();
  const DeviceBuffer x(b, DType::f32, Random(3).uniform_vector(70001));
  check_same_for_all_thread_counts([&] {
    const DeviceBuffer y(b, DType::f32, 70001);
    b.dropout.run({}, {.rate = 0.5, .seed = 6, .call = 7}, x, y);
    return y.read();
  });
}

}  // namespace
}  // namespace tl::test
