// global_average_pool: every backend against the f64 loops of `ref`, on `cpu` for every instruction
// set and with the same bits for every thread count.
#include "kernels/global_average_pool.h"

#include <doctest/doctest.h>

#include <string_view>
#include <utility>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// One pixel, one row, one column, primes, c = h = w, less than a vector, one past four of them,
/// more rows than a CUDA block has lanes, the last layer of a ResNet, and nothing.
std::vector<GlobalAveragePoolProblem> global_average_pool_problems() {
  return {{1, 1, 1, 1},   {2, 1, 7, 3},     {3, 5, 1, 17}, {2, 5, 5, 5},
          {1, 9, 4, 33},  {1, 3, 2, 65},    {2, 11, 3, 2}, {5, 8, 8, 31},
          {3, 7, 7, 512}, {1, 17, 13, 129}, {0, 2, 2, 3},  {2, 3, 4, 0}};
}

// Unless said otherwise buffers begin one element into their blocks: aligned to that element only.

Values run_global_pool(const Backend& b, DType dtype, const GlobalAveragePoolProblem& p,
                       const Values& x, std::int64_t offset = 1) {
  const DeviceBuffer in(b, dtype, x, offset), y(b, dtype, p.y_size(), offset);
  b.global_average_pool.forward({}, p, in, y);
  return y.read();
}

Values run_global_pool_backward(const Backend& b, DType dtype, const GlobalAveragePoolProblem& p,
                                const Values& dy, std::int64_t offset = 1) {
  const DeviceBuffer in(b, dtype, dy, offset), dx(b, dtype, p.x_size(), offset);
  b.global_average_pool.backward({}, p, in, dx);
  return dx.read();
}

std::string name(const GlobalAveragePoolProblem& p) {
  return concat("x [", p.n, ", ", p.h, ", ", p.w, ", ", p.c, "]");
}

TEST_CASE("global_average_pool") {
  for_each_backend([](const Backend& backend) {
    Random random(3);
    for (const GlobalAveragePoolProblem& p : global_average_pool_problems()) {
      INFO(name(p));
      const Values x = random.uniform_vector(p.x_size()), dy = random.uniform_vector(p.y_size());
      for (const std::int64_t offset : {0, 1}) {
        check_close(run_global_pool(backend, DType::f32, p, x, offset),
                    run_global_pool(reference(), DType::f64, p, x),
                    f32_sum_bound(static_cast<double>(p.h + p.w)), "y");
        check_close(run_global_pool_backward(backend, DType::f32, p, dy, offset),
                    run_global_pool_backward(reference(), DType::f64, p, dy), f32_sum_bound(1),
                    "dx");
      }
    }
  });
}

TEST_CASE("global_average_pool in bf16") {
  for (const Backend& b : tested_backends()) {
    if (!computes_bf16(b)) continue;
    CAPTURE(std::string(b.name));
    Random random(3);
    for (const GlobalAveragePoolProblem& p : global_average_pool_problems()) {
      INFO(name(p));
      const Values x = rounded_to_bf16(random.uniform_vector(p.x_size()));
      const Values dy = rounded_to_bf16(random.uniform_vector(p.y_size()));
      for (const std::int64_t offset : {0, 1}) {
        check_close(run_global_pool(b, DType::bf16, p, x, offset),
                    run_global_pool(reference(), DType::f64, p, x), kBf16Rounding, "y");
        check_close(run_global_pool_backward(b, DType::bf16, p, dy, offset),
                    run_global_pool_backward(reference(), DType::f64, p, dy), kBf16Rounding, "dx");
      }
    }
  }
}

TEST_CASE("global_average_pool: integers, exactly") {
  for_each_backend([](const Backend& backend) {
    Random random(4);
    for (const GlobalAveragePoolProblem& p : global_average_pool_problems()) {
      INFO(name(p));
      // Multiples of the number of pixels: the means are integers too.
      const double pixels = static_cast<double>(p.pixels());
      Values x = random.integer_vector(p.x_size(), 1, 9);
      Values dy = random.integer_vector(p.y_size(), 1, 9);
      for (double& v : x) v *= pixels;
      for (double& v : dy) v *= pixels;
      CHECK(run_global_pool(backend, DType::f32, p, x) ==
            run_global_pool(reference(), DType::f64, p, x));
      CHECK(run_global_pool_backward(backend, DType::f32, p, dy) ==
            run_global_pool_backward(reference(), DType::f64, p, dy));
    }
  });
}

TEST_CASE("global_average_pool: by hand") {
  for_each_backend([](const Backend& backend) {
    const GlobalAveragePoolProblem p{.n = 2, .h = 1, .w = 2, .c = 2};
    CHECK(run_global_pool(backend, DType::f32, p, {1, 10, 3, 30, -4, 0, -6, 8}) ==
          Values{2, 20, -5, 4});
    CHECK(run_global_pool_backward(backend, DType::f32, p, {2, 4, 6, 8}) ==
          Values{1, 2, 1, 2, 3, 4, 3, 4});
  });
}

TEST_CASE("global_average_pool: a large picture keeps its digits") {
  // Equal numbers, added up in one chain, are all rounded the same way as the sum grows: 2^18 of
  // them are off by some 1e-3. Rows first, and the chain is 2 * 512 long.
  const GlobalAveragePoolProblem p{.n = 1, .h = 512, .w = 512, .c = 1};
  const double value = static_cast<double>(0.1f);
  for_each_backend([&](const Backend& backend) {
    const Values x(static_cast<std::size_t>(p.x_size()), value);
    check_close(run_global_pool(backend, DType::f32, p, x), {value},
                f32_sum_bound(static_cast<double>(p.h + p.w)), "y");
  });
}

TEST_CASE("global_average_pool on cpu: same bits for every thread count") {
  const Backend b = cpu_backend();
  const GlobalAveragePoolProblem p{.n = 23, .h = 7, .w = 5, .c = 131};
  Random random(5);
  const Values x = random.uniform_vector(p.x_size()), dy = random.uniform_vector(p.y_size());
  check_same_for_all_thread_counts([&] {
    return std::pair(run_global_pool(b, DType::f32, p, x),
                     run_global_pool_backward(b, DType::f32, p, dy));
  });
}

TEST_CASE("global_average_pool: cpu refuses f64") {
  const Backend backend = cpu_backend();
  CHECK_THROWS_WITH_AS(run_global_pool(backend, DType::f64, {}, {1}),
                       "global_average_pool.forward: cpu needs f32, got f64 (ref has f64)", Error);
}

}  // namespace
}  // namespace tl::test
