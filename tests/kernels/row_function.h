// What the tests of softmax and log_softmax share: both are functions of whole rows, with slots of
// the same types.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {

/// `kernels`: &Backend::softmax or &Backend::log_softmax.
template <auto kernels>
struct RowFunction {
  using Values = std::vector<double>;

  static Values forward(const Backend& b, DType dtype, std::int64_t columns, const Values& x,
                        std::int64_t offset = 0) {
    const DeviceBuffer in(b, dtype, x, offset);
    const DeviceBuffer out(b, dtype, static_cast<std::int64_t>(x.size()), offset);
    (b.*kernels).forward({}, columns, in, out);
    const Values y = out.read();
    (b.*kernels).forward({}, columns, in, in);  // y may alias x
    if (!std::isnan(norm(y))) CHECK((in.read() == y));
    return y;
  }

  static Values backward(const Backend& b, DType dtype, std::int64_t columns, const Values& y,
                         const Values& dy, std::int64_t offset = 0) {
    const DeviceBuffer y_in(b, dtype, y, offset), dy_in(b, dtype, dy, offset);
    const DeviceBuffer out(b, dtype, static_cast<std::int64_t>(y.size()), offset);
    (b.*kernels).backward({}, columns, y_in, dy_in, out);
    const Values dx = out.read();
    (b.*kernels).backward({}, columns, y_in, dy_in, dy_in);  // dx may alias dy
    CHECK((dy_in.read() == dx));
    return dx;
  }

  /// Calls f(backend) for every backend that has the kernels, for `cpu` on every instruction set.
  template <class F>
  static void for_each(const F& f) {
    for_each_backend([&](const Backend& b) {
      if ((b.*kernels).forward) f(b);
    });
  }

  static void check_refusals_and_nothing() {
    for_each([](const Backend& b) {
      const auto& k = b.*kernels;
      const DeviceBuffer i32(b, DType::i32, 4), f32(b, DType::f32, 4), bf16(b, DType::bf16, 4);
      CHECK_THROWS_AS(k.forward({}, 2, i32, i32), Error);
      CHECK_THROWS_AS(k.forward({}, 2, bf16, f32), Error);
      CHECK_THROWS_AS(k.backward({}, 2, i32, i32, i32), Error);
      CHECK_THROWS_AS(k.backward({}, 2, f32, bf16, f32), Error);
      if (!computes_bf16(b)) CHECK_THROWS_AS(k.forward({}, 2, bf16, bf16), Error);
      const DeviceBuffer none(b, DType::f32, 0);
      for (const std::int64_t columns : {0, 3}) {
        k.forward({}, columns, none, none);
        k.backward({}, columns, none, none, none);
      }
    });
  }

  /// One case, in any dtype: the inputs, and ref's results in f64.
  struct Case {
    std::int64_t columns;
    Values x, y, dy, dx;  ///< y: stored in the dtype, as backward gets it
    Values exact_y;
  };

  /// Calls f(backend, dtype, case, offset) for rows that are shorter and longer than a vector, a
  /// warp, a block, and what a block keeps in registers; aligned and not.
  template <class F>
  static void for_each_case(const F& f) {
    const std::int64_t shapes[][2] = {{1, 1},    {1, 2},    {5, 3},    {7, 17},   {3, 16},
                                      {2, 33},   {9, 10},   {64, 7},   {3, 256},  {3, 1000},
                                      {5, 1009}, {2, 1032}, {1, 2049}, {2, 8200}, {1, 8209}};
    for_each([&](const Backend& b) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        if (dtype == DType::bf16 && !computes_bf16(b)) continue;
        for (const auto& [rows, columns] : shapes) {
          INFO(concat(dtype, " [", rows, ", ", columns, "]"));
          const auto stored = [&](const Values& v) {
            return dtype == DType::bf16 ? rounded_to_bf16(v) : v;
          };
          Random random(11);
          Case c{columns, stored(random.uniform_vector(rows * columns, -5, 5)), {}, {}, {}, {}};
          c.dy = stored(random.uniform_vector(rows * columns));
          c.exact_y = forward(reference(), DType::f64, columns, c.x);
          c.y = stored(c.exact_y);
          c.dx = backward(reference(), DType::f64, columns, c.y, c.dy);
          for (const std::int64_t offset : {0, 1}) f(b, dtype, c, offset);
        }
      }
    });
  }

  static void check_same_for_threads() {
    const Backend b = cpu_backend();
    const Values x = Random(5).uniform_vector(100 * 1003);
    check_same_for_all_thread_counts([&] {
      const Values y = forward(b, DType::f32, 1003, x);
      return std::pair(y, backward(b, DType::f32, 1003, y, x));
    });
  }
};

}  // namespace tl::test
