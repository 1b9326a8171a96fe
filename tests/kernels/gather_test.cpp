// gather: rows by number and their gradient, by hand and bit for bit as ref adds them.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Values rows(const Backend& b, DType dtype, std::int64_t columns, const Values& x,
            const Values& index, std::int64_t offset = 0) {
  const DeviceBuffer in(b, dtype, x, offset), at(b, DType::i32, index, offset);
  const auto picked = static_cast<std::int64_t>(index.size());
  const DeviceBuffer out(b, dtype, picked * columns, offset);
  b.gather.rows({}, columns, in, at, out);
  return out.read();
}

Values rows_backward(const Backend& b, DType dtype, std::int64_t all_rows, std::int64_t columns,
                     const Values& dy, const Values& index, std::int64_t offset = 0) {
  const DeviceBuffer in(b, dtype, dy, offset), at(b, DType::i32, index, offset);
  const DeviceBuffer out(b, dtype, all_rows * columns, offset);
  b.gather.rows_backward({}, columns, in, at, out);
  return out.read();
}

struct GatherSize {
  std::int64_t rows, columns, picked;
};

constexpr GatherSize kGatherSizes[] = {
    {1, 1, 1},     {5, 3, 9},       {3, 17, 200},  {40, 16, 1}, {1, 257, 40}, {300, 65, 500},
    {9, 1031, 31}, {2000, 1, 9000}, {4, 20000, 3}, {7, 5, 0},   {3, 0, 5},    {6, 64, 70}};

TEST_CASE("gather by hand") {
  for (const Backend& b : tested_backends()) {
    if (!b.gather.rows) continue;
    CAPTURE(std::string(b.name));
    const Values x = {1, 2, 3, 4, 5, 6};
    for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::u8, DType::bf16}) {
      if (dtype == DType::bf16 && !computes_bf16(b)) continue;
      CHECK(rows(b, dtype, 2, x, {2, 0, 2}) == Values{5, 6, 1, 2, 5, 6});
    }
    // Row 1 is picked by nobody, row 2 twice.
    CHECK(rows_backward(b, DType::f32, 3, 2, {1, 2, 10, 20, 100, 200}, {2, 0, 2}) ==
          Values{10, 20, 0, 0, 101, 202});
    const DeviceBuffer i32(b, DType::i32, 4), index(b, DType::i32, Values{0, 1});
    CHECK_THROWS_AS(b.gather.rows_backward({}, 2, i32, index, i32), Error);
    const DeviceBuffer f32(b, DType::f32, 4);
    CHECK_THROWS_AS(b.gather.rows({}, 2, f32, f32, i32), Error);
  }
}

TEST_CASE("gather: bit for bit as ref") {
  for_each_backend([](const Backend& b) {
    if (!b.gather.rows) return;
    for (const auto& [all_rows, columns, picked] : kGatherSizes) {
      INFO(all_rows, " rows, ", columns, " columns, ", picked, " picked");
      Random random(7);
      const Values x = random.uniform_vector(all_rows * columns);
      const Values dy = random.uniform_vector(picked * columns);
      const Values index = random.integer_vector(picked, 0, all_rows - 1);
      for (std::int64_t offset : {0, 1}) {
        const Values y = rows(b, DType::f32, columns, x, index, offset);
        CHECK((y == rows(reference(), DType::f32, columns, x, index)));
        // One order of adding is laid down, so f32 has to agree to the bit.
        const Values dx = rows_backward(b, DType::f32, all_rows, columns, dy, index, offset);
        CHECK((dx == rows_backward(reference(), DType::f32, all_rows, columns, dy, index)));
        if (picked * columns > 0) CHECK(norm(dx) > 0);
        if (!computes_bf16(b)) continue;
        // In bf16 it is added in f32 and rounded once.
        CHECK((rows(b, DType::bf16, columns, rounded_to_bf16(x), index, offset) ==
               rounded_to_bf16(y)));
        const Values rounded = rounded_to_bf16(dy);
        CHECK((rows_backward(b, DType::bf16, all_rows, columns, rounded, index, offset) ==
               rounded_to_bf16(
                   rows_backward(reference(), DType::f32, all_rows, columns, rounded, index))));
      }
    }
  });
}

TEST_CASE("gather: the gradient is added in the order of the index") {
  for_each_backend([](const Backend& b) {
    if (!b.gather.rows_backward) return;
    // 2^24 swallows a 1 that is added to it.
    const double big = 0x1p24;
    CHECK(rows_backward(b, DType::f32, 1, 1, {big, 1, -big}, {0, 0, 0}) == Values{0});
    CHECK(rows_backward(b, DType::f32, 1, 1, {big, -big, 1}, {0, 0, 0}) == Values{1});
  });
}

TEST_CASE("gather: same bits for every thread count") {
  const Backend b = cpu_backend();
  Random random(3);
  const Values x = random.uniform_vector(300 * 513), index = random.integer_vector(900, 0, 299);
  const Values dy = random.uniform_vector(900 * 513);
  check_same_for_all_thread_counts([&] {
    return std::pair(rows(b, DType::f32, 513, x, index),
                     rows_backward(b, DType::f32, 300, 513, dy, index));
  });
}

}  // namespace
}  // namespace tl::test
