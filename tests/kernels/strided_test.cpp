// strided: the copy against its formula, for every dtype; what a copy does not reach; merging.
#include <doctest/doctest.h>

#include <numeric>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;
using Extents = std::vector<std::int64_t>;

constexpr double kUntouched = 251;

/// A copy, and the sizes of buffers that hold exactly what it reaches.
struct CopyCase {
  std::string name;
  StridedCopyProblem problem;
  std::int64_t x_size, y_size;
};

Values numbered(std::int64_t size) {
  Values x(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 241);
  return x;
}

/// The formula, index by index.
Values expected_copy(const CopyCase& c) {
  const StridedCopyProblem& p = c.problem;
  const Values x = numbered(c.x_size);
  Values y(static_cast<std::size_t>(c.y_size), kUntouched);
  for (std::int64_t n = 0; n < p.elements(); ++n) {
    std::int64_t rest = n, from = p.x_offset, to = p.y_offset;
    for (std::size_t k = StridedCopyProblem::kMaxRank; k-- > 0; rest /= p.size[k]) {
      from += rest % p.size[k] * p.x_step[k];
      to += rest % p.size[k] * p.y_step[k];
    }
    y.at(static_cast<std::size_t>(to)) = x.at(static_cast<std::size_t>(from));
  }
  return y;
}

Values run_copy(const Backend& b, DType dtype, const CopyCase& c, std::int64_t offset) {
  const DeviceBuffer x(b, dtype, numbered(c.x_size), offset);
  const DeviceBuffer y(b, dtype, Values(static_cast<std::size_t>(c.y_size), kUntouched), offset);
  b.strided.copy({}, c.problem, x, y);
  return y.read();
}

std::int64_t product(const Extents& extents) {
  return std::accumulate(extents.begin(), extents.end(), std::int64_t{1}, std::multiplies<>());
}

/// All of x, its dimension order[i] becoming dimension i.
CopyCase transposition(const Extents& x, const std::vector<std::size_t>& order) {
  const Extents x_step = contiguous_steps(x);
  Extents size, step;
  for (const std::size_t source : order) {
    size.push_back(x[source]);
    step.push_back(x_step[source]);
  }
  return {"transposition", merged_copy("test", size, step, contiguous_steps(size)), product(x),
          product(x)};
}

/// Random boxes within random arrays, dimensions in random order, some steps of x 0 or negative.
CopyCase random_box(Random& random) {
  const auto rank = static_cast<std::size_t>(random.integer(1, 6));
  Extents size, x_extents(rank), y_extents;
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t k = rank; k-- > 1;) {
    std::swap(order[k], order[static_cast<std::size_t>(random.integer(0, std::int64_t(k)))]);
  }
  Extents stretch;
  std::int64_t x_offset = 0, y_offset = 0;
  for (std::size_t k = 0; k < rank; ++k) {
    size.push_back(random.integer(1, rank <= 2 ? 70 : 6));
    stretch.push_back(random.integer(0, 3) == 0 ? random.integer(-2, 2) : 1);
    x_extents[order[k]] = (size[k] - 1) * std::abs(stretch[k]) + 1 + random.integer(0, 1);
    y_extents.push_back(size[k] + random.integer(0, 2));
  }
  Extents x_step = contiguous_steps(x_extents), y_step = contiguous_steps(y_extents), step;
  for (std::size_t k = 0; k < rank; ++k) {
    step.push_back(x_step[order[k]] * stretch[k]);
    if (step[k] < 0) x_offset -= step[k] * (size[k] - 1);
    y_offset += random.integer(0, y_extents[k] - size[k]) * y_step[k];
  }
  return {"random box", merged_copy("test", size, step, y_step, x_offset, y_offset),
          product(x_extents), product(y_extents)};
}

std::vector<CopyCase> copy_cases() {
  std::vector<CopyCase> list = {transposition({1}, {0}),
                                transposition({20000}, {0}),
                                transposition({3, 5}, {1, 0}),
                                transposition({4, 4}, {1, 0}),
                                transposition({16, 17}, {1, 0}),
                                transposition({64, 129}, {1, 0}),
                                transposition({3, 7001}, {1, 0}),
                                transposition({7001, 3}, {1, 0}),
                                transposition({301, 140}, {1, 0}),
                                transposition({2, 3, 37, 11}, {0, 2, 3, 1}),
                                transposition({2, 37, 11, 17}, {0, 3, 1, 2}),
                                transposition({300, 7, 9}, {0, 2, 1}),
                                transposition({2, 3, 2, 5, 3, 2}, {5, 4, 3, 2, 1, 0}),
                                transposition({5, 40, 70}, {2, 1, 0}),
                                transposition({4, 0, 3}, {2, 1, 0})};
  const auto add = [&](std::string name, const Extents& size, const Extents& x_step,
                       const Extents& y_step, std::int64_t x_size, std::int64_t y_size,
                       std::int64_t x_offset = 0, std::int64_t y_offset = 0) {
    list.push_back({std::move(name), merged_copy("test", size, x_step, y_step, x_offset, y_offset),
                    x_size, y_size});
  };
  add("columns of a wider matrix", {50, 700}, {1000, 1}, {700, 1}, 49 * 1000 + 704, 35000, 4);
  add("into a wider matrix", {50, 700}, {700, 1}, {1000, 1}, 35000, 49 * 1000 + 704, 0, 4);
  add("aligned columns of a wider matrix", {5, 32}, {64, 1}, {48, 1}, 5 * 64, 5 * 48, 16, 16);
  add("every third", {7, 13}, {39, 3}, {13, 1}, 7 * 39, 91);
  add("into every third", {7, 13}, {13, 1}, {39, 3}, 91, 7 * 39);
  add("one number, everywhere", {40, 500}, {0, 0}, {500, 1}, 1, 20000);
  add("a row, again and again", {41, 500}, {0, 1}, {500, 1}, 500, 20500);
  add("a column, in every column", {41, 500}, {1, 0}, {500, 1}, 41, 20500);
  add("backwards", {3, 30}, {30, -1}, {30, 1}, 90, 90, 29);
  add("into the columns", {6, 50}, {50, 1}, {1, 6}, 300, 300);
  Random random(31);
  for (int i = 0; i < 150; ++i) list.push_back(random_box(random));
  return list;
}

TEST_CASE("strided.copy: its formula, every dtype, nothing else touched") {
  const std::vector<CopyCase> list = copy_cases();
  for_each_backend([&](const Backend& b) {
    if (!b.strided.copy) return;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const CopyCase& c = list[i];
      INFO("case ", i, ", ", c.name);
      const Values expected = expected_copy(c);
      for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::u8, DType::bf16}) {
        CAPTURE(dtype);
        for (const std::int64_t offset : {0, 1}) CHECK((run_copy(b, dtype, c, offset) == expected));
      }
    }
  });
}

TEST_CASE("strided.copy by hand") {
  for (const Backend& b : tested_backends()) {
    if (!b.strided.copy) continue;
    CAPTURE(std::string(b.name));
    // 0 1 2 / 3 4 5 transposed.
    CHECK(run_copy(b, DType::f32, transposition({2, 3}, {1, 0}), 0) == Values{0, 3, 1, 4, 2, 5});
    // The last two columns of it, with a border below.
    const StridedCopyProblem p{.size = {1, 1, 1, 1, 2, 2},
                               .x_step = {0, 0, 0, 0, 3, 1},
                               .y_step = {0, 0, 0, 0, 2, 1},
                               .x_offset = 1};
    CHECK(run_copy(b, DType::i32, {"", p, 6, 6}, 0) == Values{1, 2, 4, 5, kUntouched, kUntouched});
    const DeviceBuffer f32(b, DType::f32, 4), f64(b, DType::f64, 4);
    CHECK_THROWS_AS(b.strided.copy({}, transposition({2, 2}, {1, 0}).problem, f32, f64), Error);
  }
}

TEST_CASE("strided.copy: same bits for every thread count") {
  const Backend b = cpu_backend();
  for (const CopyCase& c : {transposition({301, 140}, {1, 0}), transposition({40000}, {0}),
                            transposition({9, 3, 41, 67}, {0, 2, 3, 1})}) {
    check_same_for_all_thread_counts([&] { return run_copy(b, DType::f32, c, 0); });
  }
}

TEST_CASE("merged_copy: merges what steps as one, keeps the rest, refuses too many") {
  // A matrix within a wider one; extents of 1 anywhere; whole rows of rows.
  const StridedCopyProblem rows =
      merged_copy("test", {2, 1, 3, 1, 4, 5}, {600, 7, 200, 9, 5, 1}, {60, 7, 20, 9, 5, 1}, 11, 13);
  CHECK(rows.size == std::array<std::int64_t, 6>{1, 1, 1, 1, 6, 20});
  CHECK(rows.x_step == std::array<std::int64_t, 6>{0, 0, 0, 0, 200, 1});
  CHECK(rows.y_step == std::array<std::int64_t, 6>{0, 0, 0, 0, 20, 1});
  CHECK(rows.x_offset == 11);
  CHECK(rows.y_offset == 13);
  CHECK(rows.elements() == 120);
  const Extents extents(9, 2), step = contiguous_steps(extents);
  CHECK(merged_copy("test", extents, step, step).size ==
        std::array<std::int64_t, 6>{1, 1, 1, 1, 1, 512});
  CHECK(merged_copy("test", {}, {}, {}).elements() == 1);
  CHECK(merged_copy("test", {4, 0}, {0, 1}, {0, 1}).elements() == 0);
  CHECK(contiguous_steps({2, 3, 4}) == Extents{12, 4, 1});
  CHECK(contiguous_steps({}).empty());
  const Extents seven(7, 2);
  const Extents forwards = contiguous_steps(seven), backwards(forwards.rbegin(), forwards.rend());
  CHECK_THROWS_WITH_AS(merged_copy("transpose", seven, backwards, forwards),
                       "transpose: more than 6 dimensions that cannot be merged", Error);
}

}  // namespace
}  // namespace tl::test
