// gemm: every variant of every backend against the f64 loops of `ref`, with and without
// transposition and bias, alone and in batches, on `cpu` for every instruction set.
#include "kernels/gemm.h"

#include <doctest/doctest.h>

#include <string_view>

#include "kernels/parallel_for.h"
#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

struct Size {
  std::int64_t m, n, k, batch = 1;
};

/// One past a tile, less than a vector, several blocks of every kind, and nothing. In batches: in
/// groups, one by one, several blocks each, and too large for one thread each.
std::vector<Size> sizes() {
  return {{1, 1, 1},          {3, 5, 7},      {14, 32, 16},    {15, 33, 17},     {17, 1, 19},
          {1, 40, 64},        {127, 70, 50},  {13, 4100, 9},   {20, 31, 2050},   {5, 7, 0},
          {0, 4, 3},          {4, 0, 3},      {1, 1, 1, 70},   {3, 5, 7, 29},    {15, 33, 17, 7},
          {1, 33, 40, 5},     {17, 1, 19, 6}, {230, 70, 3, 3}, {40, 50, 600, 2}, {2, 4100, 5, 3},
          {170, 160, 160, 2}, {5, 7, 0, 3},   {4, 3, 2, 0}};
}

/// Calls f for every combination of transposition and bias.
template <class F>
void for_each_form(const Size& size, const F& f) {
  for (int bits = 0; bits < 8; ++bits) {
    f(GemmProblem{.m = size.m,
                  .n = size.n,
                  .k = size.k,
                  .batch = size.batch,
                  .trans_a = (bits & 1) != 0,
                  .trans_b = (bits & 2) != 0,
                  .bias = (bits & 4) != 0});
  }
}

struct Inputs {
  Values a, b, bias;
};

Inputs random_inputs(const GemmProblem& p, bool integers) {
  Random random(static_cast<std::uint64_t>(p.m * 10007 + p.n * 101 + p.k + p.batch));
  const auto values = [&](std::int64_t size) {
    return integers ? random.integer_vector(size) : random.uniform_vector(size);
  };
  return {values(p.batch * p.m * p.k), values(p.batch * p.k * p.n), values(p.n)};
}

/// A buffer that begins one element after an aligned address and ends with its block.
class Displaced {
 public:
  Displaced(const Backend& backend, DType dtype, const Values& values)
      : block_(backend, dtype, static_cast<std::int64_t>(values.size()) + 1) {
    Values all = block_.read();
    std::copy(values.begin(), values.end(), all.begin() + 1);
    block_.write(all);
  }
  View view() const {
    const View all = block_.view();
    return {static_cast<char*>(all.data) + size_of(all.dtype), all.dtype, all.size - 1};
  }
  Values read() const {
    const Values all = block_.read();
    return {all.begin() + 1, all.end()};
  }

 private:
  DeviceBuffer block_;
};

Values run(const Backend& backend, const Variant<GemmProblem, GemmArgs>& variant,
           const GemmProblem& p, const Inputs& in) {
  const Displaced a(backend, p.dtype, in.a), b(backend, p.dtype, in.b),
      bias(backend, p.dtype, in.bias);
  const Values unwritten(static_cast<std::size_t>(p.batch * p.m * p.n), std::nan(""));
  const Displaced y(backend, p.dtype, unwritten);
  const DeviceBuffer prepared(backend, DType::u8, variant.prepared_size(p));
  if (variant.prepared_size(p) > 0) variant.prepare({}, p, b.view(), prepared);
  // All bytes 0xFF: every float a NaN.
  const DeviceBuffer workspace(backend, DType::u8,
                               Values(static_cast<std::size_t>(variant.workspace_size(p)), 255.0));
  GemmArgs args;
  args.a = a.view();
  args.b = variant.prepared_size(p) > 0 ? ConstView(prepared) : b.view();
  args.y = y.view();
  args.workspace = workspace;
  if (p.bias) args.bias = bias.view();
  variant.run({}, p, args);
  return y.read();
}

/// Every variant of `backend` against the reference.
void check_backend(const Backend& backend, const GemmProblem& p, bool integers) {
  GemmProblem exact = p;
  exact.dtype = DType::f64;
  const Inputs in = random_inputs(p, integers);
  const Values expected = run(reference(), reference().gemm.run.choose(exact), exact, in);
  for (const auto& variant : backend.gemm.run.all()) {
    if (!variant.supports(p)) continue;
    CAPTURE(p);
    INFO("backend ", backend.name, ", variant ", variant.name);
    const Values found = run(backend, variant, p, in);
    if (integers || p.k == 0) {
      CHECK(found == expected);
    } else {
      check_close(found, expected, f32_sum_bound(static_cast<double>(p.k)), "y");
    }
  }
}

}  // namespace

TEST_CASE("gemm") {
  for_each_backend([](const Backend& backend) {
    for (const Size& size : sizes()) {
      for_each_form(size, [&](const GemmProblem& p) {
        check_backend(backend, p, false);
        check_backend(backend, p, true);
      });
    }
  });
}

TEST_CASE("gemm on cpu: same bits for every thread count") {
  const Backend backend = cpu_backend();
  const int threads = thread_count();
  for (const Size& size : sizes()) {
    for_each_form(size, [&](const GemmProblem& p) {
      CAPTURE(p);
      const Inputs in = random_inputs(p, false);
      for (const auto& variant : backend.gemm.run.all()) {
        if (!variant.supports(p)) continue;
        set_thread_count(1);
        const Values expected = run(backend, variant, p, in);
        for (int count : {2, 3}) {
          set_thread_count(count);
          CHECK(run(backend, variant, p, in) == expected);
        }
      }
    });
  }
  set_thread_count(threads);
}

TEST_CASE("gemm: a matrix of a batch has the bits it has alone") {
  for (const Backend& backend : tested_backends()) {
    INFO("backend ", backend.name);
    for (const Size& size : {Size{15, 33, 17, 7}, Size{40, 50, 600, 2}, Size{170, 160, 160, 2}}) {
      for_each_form(size, [&](const GemmProblem& p) {
        const Inputs in = random_inputs(p, false);
        GemmProblem one = p;
        one.batch = 1;
        for (const auto& variant : backend.gemm.run.all()) {
          if (!variant.supports(p)) continue;
          CAPTURE(p);
          const Values whole = run(backend, variant, p, in);
          const auto part = [](const Values& of, std::int64_t piece, std::int64_t t) {
            return Values(of.begin() + t * piece, of.begin() + (t + 1) * piece);
          };
          for (std::int64_t t = 0; t < p.batch; ++t) {
            const Inputs own = {part(in.a, p.m * p.k, t), part(in.b, p.k * p.n, t), in.bias};
            CHECK(run(backend, variant, one, own) == part(whole, p.m * p.n, t));
          }
        }
      });
    }
  }
}

TEST_CASE("gemm: problems print, and count their work") {
  const GemmProblem p{
      .m = 2, .n = 3, .k = 5, .batch = 7, .trans_b = true, .bias = true, .dtype = DType::f64};
  CHECK(concat(p) == "7 times [2, 5] x [5, 3]^T f64 + bias");
  CHECK(concat(GemmProblem{.m = 2, .n = 3, .k = 5, .trans_a = true}) == "[2, 5]^T x [5, 3] f32");
  CHECK(p.multiply_adds() == 7 * 2 * 3 * 5);
  CHECK(p.bytes() == (7 * (10 + 15 + 6) + 3) * 8);
}

TEST_CASE("gemm: cpu refuses f64") {
  CHECK_THROWS_AS(cpu_backend().gemm.run.choose({.dtype = DType::f64}), Error);
}

}  // namespace tl::test
