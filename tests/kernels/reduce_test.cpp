// reduce: every variant against the definition in f64; integers exactly; positions, ties and NaN.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/not_finite.h"
#include "tests/support/random.h"
#include "tests/support/run_variant.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

struct Expected {
  Values y, position;
};

/// The definition, in f64.
Expected expected_reduction(const ReduceProblem& p, const Values& x) {
  Expected e;
  for (std::int64_t o = 0; o < p.outer; ++o) {
    for (std::int64_t i = 0; i < p.inner; ++i) {
      const auto at = [&](std::int64_t k) {
        return x[static_cast<std::size_t>((o * p.count + k) * p.inner + i)];
      };
      double y = p.op == ReduceOp::sum ? 0 : at(0);
      std::int64_t position = 0;
      for (std::int64_t k = 0; k < p.count; ++k) {
        if (p.op == ReduceOp::sum) y += at(k);
        if (p.op == ReduceOp::sum || std::isnan(y)) continue;
        if (std::isnan(at(k)) || (p.op == ReduceOp::max ? at(k) > y : at(k) < y)) {
          y = at(k);
          position = k;
        }
      }
      e.y.push_back(y);
      e.position.push_back(static_cast<double>(position));
    }
  }
  return e;
}

struct Dims {
  std::int64_t outer, count, inner;
};

const Dims kDims[] = {
    {1, 1, 1},     {1, 17, 1},     {17, 1, 1},    {1, 3, 17},    {3, 1, 5},      {2, 2, 2},
    {5, 3, 7},     {1, 127, 1},    {1, 128, 1},   {3, 129, 1},   {2, 1009, 1},   {1, 64, 3},
    {3, 85, 3},    {1, 43, 3},     {2, 31, 64},   {1, 9, 127},   {2, 5, 128},    {1, 70, 511},
    {2, 66, 513},  {1, 33, 1030},  {1, 50001, 1}, {3, 40000, 1}, {1, 6007, 7},   {40, 700, 31},
    {1, 3, 20000}, {300, 10, 1},   {2, 16385, 1}, {1, 1025, 64}, {33, 17000, 1}, {0, 4, 3},
    {3, 4, 0},     {2, 1300, 130},
};

/// The larger ones are for the chunks of `cpu`; simulated threads take seconds for them.
std::vector<Dims> dims_of(const Backend& b) {
  std::vector<Dims> list(std::begin(kDims), std::end(kDims));
  if (std::string_view(b.name) == "simt") {
    std::erase_if(list, [](const Dims& d) { return d.outer * d.count * d.inner > 45000; });
  }
  return list;
}

ReduceProblem problem_of(ReduceOp op, const Dims& d, bool positions, DType dtype = DType::f32) {
  ReduceProblem p{.op = op, .outer = d.outer, .count = d.count, .inner = d.inner};
  p.dtype = dtype;
  p.positions = positions;
  return p;
}

/// Calls f(variant) for every variant of the backend that supports `p`.
template <class F>
void for_each_reduction(const Backend& b, const ReduceProblem& p, const F& f) {
  for (const auto& variant : b.reduce.run.all()) {
    if (!variant.supports(p)) continue;
    INFO("variant ", std::string(variant.name), ", ", concat(p));
    f(variant);
  }
}

/// What is left of `values` when they are stored.
Values stored(Values values, DType dtype) {
  return dtype == DType::bf16 ? rounded_to_bf16(std::move(values)) : values;
}

/// y, and the positions if asked for, each in a buffer of its own.
template <class V>
Expected run_reduce(const Backend& b, const V& variant, const ReduceProblem& p, const Values& in,
                    std::int64_t offset = 0) {
  const DeviceBuffer x(b, p.dtype, in, offset), y(b, p.dtype, p.y_size(), offset);
  const DeviceBuffer position(b, DType::i32, p.y_size(), offset);
  ReduceArgs args;
  args.x = x;
  args.y = y;
  if (p.positions) args.position = position;
  run_variant(b, variant, p, args);
  CHECK((x.read() == in || p.x_size() == 0));
  return {y.read(), position.read()};
}

TEST_CASE("reduce: sums") {
  for_each_backend([](const Backend& b) {
    for (const DType dtype : dtypes_of(b)) {
      for (const Dims& d : dims_of(b)) {
        const ReduceProblem p = problem_of(ReduceOp::sum, d, false, dtype);
        const Values whole = Random(1).integer_vector(p.x_size());
        const Values x = stored(Random(2).uniform_vector(p.x_size(), 0.5, 1.5), dtype);
        const Values y = expected_reduction(p, x).y;
        const double rounding = dtype == DType::bf16 ? kBf16Rounding : 0;
        for_each_reduction(b, p, [&](const auto& variant) {
          for (std::int64_t offset : {0, 1}) {
            // Exact sums; in bf16 each is rounded once.
            CHECK((run_reduce(b, variant, p, whole, offset).y ==
                   stored(expected_reduction(p, whole).y, dtype)));
            if (p.x_size() == 0) continue;
            check_close(run_reduce(b, variant, p, x, offset).y, y,
                        rounding + f32_sum_bound(static_cast<double>(p.count)), "sum");
          }
        });
      }
    }
  });
}

TEST_CASE(
    "reduce: cpu sums in pieces, so that the error does not grow with "
    "the length") {
  // One chain of 2^22 additions of a number that f32 rounds would be off by some percent.
  const Backend b = cpu_backend();
  for (const Dims& d : {Dims{1, 1 << 22, 1}, Dims{1, 1 << 20, 4}}) {
    const ReduceProblem p = problem_of(ReduceOp::sum, d, false);
    const double tenth = static_cast<double>(0.1f);
    const Values x(static_cast<std::size_t>(p.x_size()), tenth);
    const Values exact(static_cast<std::size_t>(p.inner), tenth * static_cast<double>(p.count));
    check_close(run_reduce(b, b.reduce.run.choose(p), p, x).y, exact, 4e-6, "sum");
  }
}

TEST_CASE("reduce: a sum of nothing is 0, a largest of nothing is refused") {
  for_each_backend([](const Backend& b) {
    for (const std::int64_t inner : {1, 3}) {
      const ReduceProblem sum = problem_of(ReduceOp::sum, {2, 0, inner}, false);
      const Values zeros(static_cast<std::size_t>(2 * inner), 0);
      for_each_reduction(b, sum, [&](const auto& variant) {
        CHECK((run_reduce(b, variant, sum, {}).y == zeros));
        CHECK_THROWS_WITH_AS(
            run_reduce(b, variant, problem_of(ReduceOp::max, {2, 0, inner}, false), {}),
            concat("reduce: max along the middle of x [2, 0, ", inner,
                   "] f32: nothing has no largest or smallest element")
                .c_str(),
            Error);
      });
    }
  });
}

/// Few different numbers, hence many equals, and now and then a NaN or an infinity.
Values with_ties(std::int64_t size) {
  Random random(static_cast<std::uint64_t>(size));
  Values x = random.integer_vector(size, -5, 5);
  for (double& v : x) {
    if (random.integer(0, 499) == 0)
      v = random.integer(0, 1) ? kNan : random.integer(0, 1) ? kInf : -kInf;
  }
  return x;
}

bool same_numbers(const Values& a, const Values& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

TEST_CASE("reduce: largest and smallest, with positions and without, among ties and NaN") {
  for_each_backend([](const Backend& b) {
    for (const DType dtype : dtypes_of(b)) {
      for (const Dims& d : dims_of(b)) {
        for (ReduceOp op : {ReduceOp::max, ReduceOp::min}) {
          const ReduceProblem with = problem_of(op, d, true, dtype);
          const Values x = with_ties(with.x_size());
          const Expected expected = expected_reduction(with, x);
          for (bool positions : {false, true}) {
            ReduceProblem p = with;
            p.positions = positions;
            for_each_reduction(b, p, [&](const auto& variant) {
              const std::int64_t offset = positions;
              const DeviceBuffer in(b, dtype, x, offset), y(b, dtype, p.y_size(), offset);
              const DeviceBuffer position(b, DType::i32, p.y_size(), offset);
              ReduceArgs args;
              args.x = in;
              args.y = y;
              if (positions) args.position = position;
              run_variant(b, variant, p, args);
              CHECK(same_numbers(y.read(), expected.y));
              if (positions) CHECK((position.read() == expected.position));
            });
          }
        }
      }
    }
  });
}

TEST_CASE("reduce: one NaN, one largest, anywhere") {
  // Every lane, every row of the narrow and the wide form, both ends of a piece.
  for_each_backend([](const Backend& b) {
    for (const Dims& d : {Dims{1, 300, 1}, Dims{1, 90, 5}, Dims{1, 4, 140}}) {
      const ReduceProblem p = problem_of(ReduceOp::max, d, true);
      for_each_reduction(b, p, [&](const auto& variant) {
        for (std::int64_t k = 0; k < d.count; ++k) {
          CAPTURE(k);
          for (double value : {kNan, 1.0}) {
            Values x(static_cast<std::size_t>(p.x_size()), -kInf);
            x[static_cast<std::size_t>(k * d.inner)] = value;
            const DeviceBuffer in(b, DType::f32, x), y(b, DType::f32, p.y_size());
            const DeviceBuffer position(b, DType::i32, p.y_size());
            ReduceArgs args{.x = in, .y = y, .position = position, .workspace = {}};
            run_variant(b, variant, p, args);
            CHECK(position.read()[0] == static_cast<double>(k));
            CHECK(std::isnan(y.read()[0]) == std::isnan(value));
            if (d.inner > 1) CHECK(position.read()[1] == 0);  // all -infinity: the first
          }
        }
      });
    }
  });
}

TEST_CASE("reduce.scatter") {
  for_each_backend([](const Backend& b) {
    if (!b.reduce.scatter) return;
    for (const DType dtype : dtypes_of(b)) {
      for (const Dims& d : dims_of(b)) {
        const ReduceProblem p = problem_of(ReduceOp::max, d, true, dtype);
        INFO(concat(p));
        const Values dy = stored(Random(3).uniform_vector(p.y_size(), 0.5, 1), dtype);
        const Values position = Random(4).integer_vector(p.y_size(), 0, p.count - 1);
        Values expected(static_cast<std::size_t>(p.x_size()), 0);
        for (std::int64_t j = 0; j < p.y_size(); ++j) {
          const auto k = static_cast<std::int64_t>(position[static_cast<std::size_t>(j)]);
          expected[static_cast<std::size_t>((j / p.inner * p.count + k) * p.inner + j % p.inner)] =
              dy[static_cast<std::size_t>(j)];
        }
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer in(b, dtype, dy, offset), at(b, DType::i32, position, offset);
          const DeviceBuffer dx(b, dtype, p.x_size(), offset);
          b.reduce.scatter({}, p, in, at, dx);
          CHECK((dx.read() == expected));
        }
      }
    }
  });
}

TEST_CASE("reduce: wrong dtypes are refused") {
  for (const Backend& b : tested_backends()) {
    if (b.reduce.run.all().empty()) continue;
    ReduceProblem p{.count = 2};
    p.dtype = DType::i32;
    CHECK_THROWS_AS(b.reduce.run.choose(p), Error);
  }
  ReduceProblem p{.count = 2};
  p.dtype = DType::f64;
  CHECK_THROWS_WITH_AS(cpu_backend().reduce.run.choose(p),
                       "reduce: none of pieces supports sum along the middle of x [1, 2, 1] f64",
                       Error);
}

TEST_CASE("reduce: same bits for every thread count") {
  const Backend b = cpu_backend();
  for (const Dims& d :
       {Dims{1, 999, 203}, Dims{1, 200000, 1}, Dims{3, 30011, 5}, Dims{70, 3001, 1}}) {
    for (ReduceOp op : {ReduceOp::sum, ReduceOp::max}) {
      const ReduceProblem p = problem_of(op, d, op == ReduceOp::max);
      const Values x = Random(3).uniform_vector(p.x_size());
      check_same_for_all_thread_counts(
          [&] { return run_reduce(b, b.reduce.run.choose(p), p, x).y; });
    }
  }
}

}  // namespace
}  // namespace tl::test
