// elementwise: the binary functions and accumulate. Each is one rounding of exact operands, so
// results are compared with ==.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/not_finite.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

double value_of(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::sub:
      return a - b;
    case BinaryOp::mul:
      return a * b;
    case BinaryOp::div:
      return a / b;
  }
  return kNan;
}

std::vector<std::int64_t> sizes_of(DType dtype) {
  if (dtype == DType::bf16) return {0, 1, 7, 8, 17, 1009};
  return {0, 1, 3, 7, 16, 17, 33, 1009, 16384, 16385, 50000};
}

const BinaryOp kBinaryOps[] = {BinaryOp::add, BinaryOp::sub, BinaryOp::mul, BinaryOp::div};

/// Which element of an input belongs to element i of y, by the definition.
std::int64_t index_in(const BinaryProblem& p, const BinaryProblem::Dims& steps, std::int64_t i) {
  std::int64_t index = 0, stride = p.size();
  for (int k = 0; k < p.rank; ++k) {
    const auto d = static_cast<std::size_t>(k);
    stride /= p.extents[d];
    index += i / stride % p.extents[d] * steps[d];
  }
  return index;
}

std::int64_t elements_of(const BinaryProblem& p, const BinaryProblem::Dims& steps) {
  std::int64_t last = 0;
  for (std::size_t k = 0; k < static_cast<std::size_t>(p.rank); ++k) {
    last += (p.extents[k] - 1) * steps[k];
  }
  return last + 1;
}

/// Exact operands, one operation, one rounding, to f32; in bf16 that result is rounded once more.
Values expected_binary(const BinaryProblem& p, const Values& a, const Values& b, DType dtype) {
  Values y;
  for (std::int64_t i = 0; i < p.size(); ++i) {
    y.push_back(value_of(p.op, a[static_cast<std::size_t>(index_in(p, p.a_steps, i))],
                         b[static_cast<std::size_t>(index_in(p, p.b_steps, i))]));
  }
  for (double& v : y) v = static_cast<double>(static_cast<float>(v));
  return dtype == DType::bf16 ? rounded_to_bf16(y) : y;
}

/// Of both signs, and none near 0: quotients stay finite.
Values operands(std::uint64_t seed, std::int64_t size, DType dtype) {
  Random random(seed);
  Values values = random.uniform_vector(size, 0.5, 2);
  for (double& v : values) v = random.integer(0, 1) ? v : -v;
  return dtype == DType::bf16 ? rounded_to_bf16(values) : values;
}

struct EqualShapes {
  DType dtype;
  BinaryOp op;
  std::int64_t size;
};
std::vector<EqualShapes> equal_shapes(const Backend& b) {
  std::vector<EqualShapes> list;
  for (const DType dtype : dtypes_of(b)) {
    for (const BinaryOp op : kBinaryOps) {
      for (const std::int64_t size : sizes_of(dtype)) list.push_back({dtype, op, size});
    }
  }
  return list;
}

TEST_CASE("elementwise.binary: equal shapes, every size and alignment, aliased and not") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.binary) return;
    for (const auto& [dtype, op, size] : equal_shapes(b)) {
      CAPTURE(dtype);
      CAPTURE(std::string(tl::name_of(op)));
      CAPTURE(size);
      const BinaryProblem p = BinaryProblem::plain(op, size);
      const Values left = operands(1, size, dtype), right = operands(2, size, dtype);
      const Values expected = expected_binary(p, left, right, dtype);
      if (size > 2) REQUIRE(norm(expected) > 0);
      for (std::int64_t offset : {0, 1}) {
        const DeviceBuffer x1(b, dtype, left, offset), x2(b, dtype, right, 2 * offset);
        const DeviceBuffer y(b, dtype, size, offset);
        b.elementwise.binary({}, p, x1, x2, y);
        CHECK((y.read() == expected));
        CHECK((x1.read() == left));
        b.elementwise.binary({}, p, x1, x2, x1);  // the output may be any input
        CHECK((x1.read() == expected));
        const DeviceBuffer again(b, dtype, left, offset);
        b.elementwise.binary({}, p, again, x2, x2);
        CHECK((x2.read() == expected));
      }
    }
  });
}

BinaryProblem binary_problem(std::vector<std::int64_t> extents, std::vector<std::int64_t> a_steps,
                             std::vector<std::int64_t> b_steps) {
  BinaryProblem p{.rank = static_cast<int>(extents.size())};
  std::copy(extents.begin(), extents.end(), p.extents.begin());
  std::copy(a_steps.begin(), a_steps.end(), p.a_steps.begin());
  std::copy(b_steps.begin(), b_steps.end(), p.b_steps.begin());
  return p;
}

const BinaryProblem kBroadcasts[] = {
    binary_problem({40}, {1}, {0}),                            // a number
    binary_problem({40}, {0}, {0}),                            // two of them
    binary_problem({7, 33}, {33, 1}, {0, 1}),                  // a row
    binary_problem({33, 7}, {0, 1}, {7, 1}),                   // on the left
    binary_problem({9, 31}, {1, 0}, {31, 1}),                  // a column
    binary_problem({5, 3}, {1, 0}, {0, 1}),                    // an outer product
    binary_problem({2, 3, 5}, {5, 0, 1}, {15, 5, 1}),          // the middle
    binary_problem({4, 1, 6}, {6, 6, 1}, {1, 0, 0}),           // an extent of 1
    binary_problem({3, 2, 5, 4}, {8, 4, 0, 1}, {0, 5, 1, 0}),  // both sides in turn
    binary_problem({2, 3, 2, 2, 3, 2, 2, 3}, {12, 0, 12, 0, 0, 6, 3, 1},
                   {0, 36, 0, 18, 6, 0, 3, 1}),           // as many dimensions as there may be
    binary_problem({300, 3, 65}, {3, 1, 0}, {0, 65, 1}),  // over several chunks
    binary_problem({20000, 3}, {3, 1}, {0, 1}),           // short rows over several chunks
    binary_problem({2, 20001}, {20001, 1}, {0, 1}),       // rows longer than a chunk
    binary_problem({6, 24}, {24, 1}, {0, 1}),             // rows of whole packs, all aligned
    binary_problem({24, 6}, {1, 0}, {0, 1}),              // no pack fits the rows
    binary_problem({3, 16}, {1, 0}, {16, 1}),             // a number per row of packs
    binary_problem({3, 16}, {20, 1}, {17, 1}),            // rows that do not begin at packs
    binary_problem({0, 4}, {4, 1}, {0, 1}),
    binary_problem({4, 0}, {0, 1}, {0, 1}),
};
TEST_CASE("elementwise.binary: broadcasting") {
  for_each_backend([&](const Backend& b) {
    if (!b.elementwise.binary) return;
    for (const DType dtype : dtypes_of(b)) {
      CAPTURE(dtype);
      for (const BinaryProblem& c : kBroadcasts) {
        CAPTURE(c.rank);
        CAPTURE(c.extents[0]);
        CAPTURE(c.extents[1]);
        for (BinaryOp op : kBinaryOps) {
          CAPTURE(std::string(tl::name_of(op)));
          BinaryProblem p = c;
          p.op = op;
          const auto elements = [&](const BinaryProblem::Dims& steps) {
            return std::max<std::int64_t>(1, elements_of(p, steps));
          };
          const Values left = operands(3, elements(p.a_steps), dtype);
          const Values right = operands(4, elements(p.b_steps), dtype);
          const Values expected = expected_binary(p, left, right, dtype);
          for (const std::int64_t offset : {0, 1}) {
            const DeviceBuffer x1(b, dtype, left, offset), x2(b, dtype, right);
            const DeviceBuffer y(b, dtype, p.size(), offset);
            b.elementwise.binary({}, p, x1, x2, y);
            CHECK((y.read() == expected));
          }
        }
      }
    }
  });
}

TEST_CASE("elementwise.binary: division by 0, and NaN on either side") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.binary) return;
    const DeviceBuffer x1(b, DType::f32, Values{1, -1, 0, kNan, 1}),
        x2(b, DType::f32, Values{0, 0, 0, 1, kNan});
    for (BinaryOp op : kBinaryOps) {
      const DeviceBuffer y(b, DType::f32, 5);
      b.elementwise.binary({}, BinaryProblem::plain(op, 5), x1, x2, y);
      const Values found = y.read();
      CHECK(std::isnan(found[3]));
      CHECK(std::isnan(found[4]));
      if (op != BinaryOp::div) continue;
      CHECK(found[0] == kInf);
      CHECK(found[1] == -kInf);
      CHECK(std::isnan(found[2]));
    }
  });
}

TEST_CASE("elementwise.accumulate adds to what is there") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.accumulate) return;
    for (const DType dtype : dtypes_of(b)) {
      CAPTURE(dtype);
      for (const std::int64_t size : sizes_of(dtype)) {
        CAPTURE(size);
        const BinaryProblem sum = BinaryProblem::plain(BinaryOp::add, size);
        const Values p = operands(7, size, dtype), q = operands(8, size, dtype);
        for (const std::int64_t offset : {0, 1}) {
          const DeviceBuffer x(b, dtype, p, offset), y(b, dtype, q, offset);
          b.elementwise.accumulate({}, x, y);
          CHECK((y.read() == expected_binary(sum, q, p, dtype)));
          b.elementwise.accumulate({}, x, x);
          CHECK((x.read() == expected_binary(sum, p, p, dtype)));
        }
      }
    }
  });
}

TEST_CASE("elementwise.binary: f64 on ref") {
  const Backend& b = reference();
  const Values left = {0.3, 0.7, 0.11}, right = {1, 2, -1e-300};
  const DeviceBuffer x1(b, DType::f64, left), x2(b, DType::f64, right), y(b, DType::f64, 3);
  for (BinaryOp op : kBinaryOps) {
    b.elementwise.binary({}, BinaryProblem::plain(op, 3), x1, x2, y);
    for (std::size_t i = 0; i < 3; ++i) CHECK(y.read()[i] == value_of(op, left[i], right[i]));
  }
}

TEST_CASE("elementwise.binary: wrong dtypes are refused") {
  for (const Backend& b : tested_backends()) {
    if (!b.elementwise.binary) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer f32(b, DType::f32, 4), i32(b, DType::i32, 4), u8(b, DType::u8, 4);
    const DeviceBuffer bf16(b, DType::bf16, 4);
    for (BinaryOp op : kBinaryOps) {
      const BinaryProblem p = BinaryProblem::plain(op, 4);
      CHECK_THROWS_AS(b.elementwise.binary({}, p, i32, i32, i32), Error);
      CHECK_THROWS_AS(b.elementwise.binary({}, p, u8, f32, f32), Error);
      CHECK_THROWS_AS(b.elementwise.binary({}, p, f32, u8, f32), Error);
      CHECK_THROWS_AS(b.elementwise.binary({}, p, f32, bf16, f32), Error);
    }
    CHECK_THROWS_AS(b.elementwise.accumulate({}, f32, i32), Error);
    CHECK_THROWS_AS(b.elementwise.accumulate({}, bf16, f32), Error);
  }
}

TEST_CASE("elementwise.binary: cpu names what it needs") {
  const Backend b = cpu_backend();
  const DeviceBuffer x(b, DType::f64, 4), bf16(b, DType::bf16, 4);
  const BinaryProblem p = BinaryProblem::plain(BinaryOp::mul, 4);
  CHECK_THROWS_WITH_AS(b.elementwise.binary({}, p, x, x, x),
                       "mul: cpu needs f32, got f64 (ref has f64)", Error);
  CHECK_THROWS_AS(b.elementwise.binary({}, p, bf16, bf16, bf16), Error);
}

TEST_CASE("elementwise.binary: same bits for every thread count") {
  const Backend b = cpu_backend();
  const DeviceBuffer x1(b, DType::f32, Random(3).uniform_vector(70001, 0.1, 0.9)),
      x2(b, DType::f32, Random(4).uniform_vector(70001, 0.1, 0.9));
  for (BinaryOp op : kBinaryOps) {
    check_same_for_all_thread_counts([&] {
      const DeviceBuffer y(b, DType::f32, 70001);
      b.elementwise.binary({}, BinaryProblem::plain(op, 70001), x1, x2, y);
      return y.read();
    });
  }
}

}  // namespace
}  // namespace tl::test
