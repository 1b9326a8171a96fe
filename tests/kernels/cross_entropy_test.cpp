// cross_entropy: by hand, exactly, and against its formula.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

double loss_of(const Backend& b, DType dtype, std::int64_t columns, const Values& log_p,
               const Values& labels) {
  const DeviceBuffer in(b, dtype, log_p, 1), label(b, DType::i32, labels, 1), loss(b, dtype, 1);
  b.cross_entropy.forward({}, columns, in, label, loss);
  return loss.read()[0];
}

Values gradient_of(const Backend& b, DType dtype, std::int64_t columns, const Values& labels,
                   double dloss) {
  const std::int64_t rows = static_cast<std::int64_t>(labels.size());
  const DeviceBuffer label(b, DType::i32, labels, 1), scale(b, dtype, Values{dloss}),
      dlog_p(b, dtype, rows * columns, 1);
  b.cross_entropy.backward({}, columns, label, scale, dlog_p);
  return dlog_p.read();
}

TEST_CASE("cross_entropy by hand") {
  for (const Backend& b : tested_backends()) {
    if (!b.cross_entropy.forward) continue;
    CAPTURE(std::string(b.name));
    // -(-1 - 6 - 8 - 9) / 4
    const Values log_p = {-1, -2, -3, -4, -5, -6, -7, -8, -10, -11, -12, -9};
    CHECK(loss_of(b, DType::f32, 3, log_p, {0, 2, 1, 2}) == 6);
    CHECK(gradient_of(b, DType::f32, 3, {0, 2}, 3) == Values{-1.5, 0, 0, 0, 0, -1.5});
  }
}

TEST_CASE("cross_entropy against ref in f64") {
  const std::int64_t shapes[][2] = {{1, 1}, {1, 2}, {3, 3}, {32, 17}, {257, 1000}, {5000, 7}};
  for (const auto& [rows, columns] : shapes) {
    CAPTURE(rows);
    CAPTURE(columns);
    Random random(3);
    const Values log_p = random.uniform_vector(rows * columns, -9, -1);
    const Values labels = random.integer_vector(rows, 0, columns - 1);
    const double expected = loss_of(reference(), DType::f64, columns, log_p, labels);
    const Values gradient = gradient_of(reference(), DType::f64, columns, labels, 0.75);
    for (const Backend& b : tested_backends()) {
      if (!b.cross_entropy.forward) continue;
      CAPTURE(std::string(b.name));
      // Summed in f64 and rounded once.
      check_close({loss_of(b, DType::f32, columns, log_p, labels)}, {expected}, 0x1p-23, "loss");
      check_close(gradient_of(b, DType::f32, columns, labels, 0.75), gradient, 0x1p-23, "dlog_p");
    }
  }
}

TEST_CASE("cross_entropy: wrong dtypes") {
  for (const Backend& b : tested_backends()) {
    if (!b.cross_entropy.forward) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer f32(b, DType::f32, 1), i32(b, DType::i32, 1);
    CHECK_THROWS_AS(b.cross_entropy.forward({}, 1, f32, f32, f32), Error);
    CHECK_THROWS_AS(b.cross_entropy.forward({}, 1, i32, i32, i32), Error);
    CHECK_THROWS_AS(b.cross_entropy.backward({}, 1, f32, f32, f32), Error);
  }
}

TEST_CASE("cross_entropy: same bits for every thread count") {
  const Backend b = cpu_backend();
  const Values labels = Random(1).integer_vector(3000, 0, 99);
  check_same_for_all_thread_counts([&] { return gradient_of(b, DType::f32, 100, labels, 1); });
}

}  // namespace
}  // namespace tl::test
