// reduce.sum_rows.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Values column_sums(const Values& x, std::int64_t columns) {
  Values y(static_cast<std::size_t>(columns), 0);
  for (std::size_t i = 0; i < x.size(); ++i) y[i % static_cast<std::size_t>(columns)] += x[i];
  return y;
}

TEST_CASE("reduce.sum_rows") {
  const std::int64_t shapes[][2] = {{0, 5},  {1, 1},     {1, 17},    {17, 1},  {3, 3},
                                    {7, 65}, {1025, 31}, {2500, 64}, {13, 131}};
  for (const Backend& b : tested_backends()) {
    if (!b.reduce.sum_rows) continue;
    CAPTURE(std::string(b.name));
    for (const auto& [rows, columns] : shapes) {
      CAPTURE(rows);
      CAPTURE(columns);
      for (std::int64_t offset : {0, 1}) {
        const Values whole = Random(1).integer_vector(rows * columns);
        const DeviceBuffer integers(b, DType::f32, whole, offset),
            y(b, DType::f32, columns, offset);
        b.reduce.sum_rows({}, integers, y);
        CHECK((y.read() == column_sums(whole, columns)));

        if (rows == 0) continue;
        const Values x = Random(2).uniform_vector(rows * columns, 0.5, 1.5);
        const DeviceBuffer in(b, DType::f32, x, offset);
        b.reduce.sum_rows({}, in, y);
        check_close(y.read(), column_sums(x, columns), f32_sum_bound(static_cast<double>(rows)),
                    "sum_rows");
      }
    }
    const DeviceBuffer i32(b, DType::i32, 4);
    CHECK_THROWS_AS(b.reduce.sum_rows({}, i32, i32), Error);
  }
}

TEST_CASE("reduce.sum_rows: same bits for every thread count") {
  const Backend b = cpu_backend();
  const DeviceBuffer x(b, DType::f32, Random(3).uniform_vector(999 * 203));
  check_same_for_all_thread_counts([&] {
    const DeviceBuffer y(b, DType::f32, 203);
    b.reduce.sum_rows({}, x, y);
    return y.read();
  });
}

}  // namespace
}  // namespace tl::test
