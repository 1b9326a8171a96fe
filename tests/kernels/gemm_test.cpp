// gemm: every variant of every backend against the f64 loops of `ref`, in f32 and bf16, with and
// without transposition and bias, alone and in batches, on `cpu` for every instruction set.
#include "kernels/gemm.h"

#include <doctest/doctest.h>

#include <string_view>

#include "kernels/parallel_for.h"
#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/run_variant.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

struct GemmSize {
  std::int64_t m, n, k, batch = 1;
};

/// For `ref` and `cpu`. One past a tile, less than a vector, several blocks of every kind, one more
/// row than those that are multiplied while B is packed, a depth of whole pages, and nothing. In
/// batches: in groups, one by one, several blocks each, and too large for one thread each. Then as
/// Strassen's algorithm takes it: one row, odd rows, two blocks of depth and of columns, a batch.
std::vector<GemmSize> sizes() {
  return {{1, 1, 1},       {3, 5, 7},         {14, 32, 16},    {15, 33, 17},       {17, 1, 19},
          {1, 40, 64},     {127, 70, 50},     {13, 4100, 9},   {20, 31, 2350},     {113, 33, 2350},
          {49, 300, 40},   {130, 50, 1024},   {5, 7, 0},       {0, 4, 3},          {4, 0, 3},
          {1, 1, 1, 70},   {3, 5, 7, 29},     {15, 33, 17, 7}, {1, 33, 40, 5},     {17, 1, 19, 6},
          {230, 70, 3, 3}, {40, 50, 1100, 2}, {2, 4100, 5, 3}, {170, 160, 160, 2}, {1800, 33, 9},
          {1800, 5, 9, 2}, {5, 7, 0, 3},      {4, 3, 2, 0},    {97, 130, 1100},    {1, 64, 32},
          {57, 128, 1056}, {114, 1088, 64},   {29, 64, 96, 2}};
}

/// For kernels in tiles of 16, 64 or 128 by 64, with steps of 16 or 32: one past a tile and a step,
/// less than either, whole packs of 4 and 8 that end in the middle of a tile, packs that fit the
/// rows of some matrices alone, a depth that is cut into ranges of which the last is short,
/// batches, and nothing.
std::vector<GemmSize> sizes_for_tiles() {
  return {{1, 1, 1},   {17, 1, 19}, {65, 66, 33}, {72, 80, 40},    {8, 9, 520},
          {16, 8, 10}, {10, 8, 16}, {3, 5, 7, 3}, {16, 72, 24, 2}, {5, 7, 0},
          {0, 4, 3},   {4, 0, 3},   {4, 3, 2, 0}};
}
/// So many matrices that two of their tiles become one of 128 rows.
constexpr GemmSize kManyMatrices{72, 8, 8, 270};

bool is_simt(const Backend& backend) { return std::string_view(backend.name) == "simt"; }

/// Calls f for every combination of transposition and bias.
template <class F>
void for_each_form(const GemmSize& size, const F& f) {
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

struct GemmInputs {
  Values a, b, bias;
};

GemmInputs random_gemm_inputs(const GemmProblem& p, bool integers) {
  Random random(static_cast<std::uint64_t>(p.m * 10007 + p.n * 101 + p.k + p.batch));
  const auto values = [&](std::int64_t size) {
    return integers ? random.integer_vector(size) : random.uniform_vector(size);
  };
  GemmInputs in{values(p.batch * p.m * p.k), values(p.batch * p.k * p.n), values(p.n)};
  if (p.dtype == DType::bf16) {
    in.a = rounded_to_bf16(in.a);
    in.b = rounded_to_bf16(in.b);
  }
  return in;
}

using GemmVariant = Variant<GemmProblem, GemmArgs>;

/// With every buffer `offset` elements behind an aligned address.
Values run_gemm(const Backend& backend, const GemmVariant& variant, const GemmProblem& p,
                const GemmInputs& in, std::int64_t offset) {
  const DeviceBuffer a(backend, p.dtype, in.a, offset), b(backend, p.dtype, in.b, offset),
      bias(backend, parameter_dtype(p.dtype), in.bias, offset);
  const DeviceBuffer y(backend, p.dtype, p.batch * p.m * p.n, offset);
  const DeviceBuffer prepared(backend, DType::u8, variant.prepared_size(p));
  if (variant.prepared_size(p) > 0) variant.prepare({}, p, b.view(), prepared);
  GemmArgs args;
  args.a = a.view();
  args.b = variant.prepared_size(p) > 0 ? ConstView(prepared) : b.view();
  args.y = y.view();
  if (p.bias) args.bias = bias.view();
  run_variant(backend, variant, p, args);
  return y.read();
}

/// What random inputs may cost. bf16: y is rounded once. TF32: each of two factors is rounded to 10
/// bits of mantissa, an error of at most 2^-11 of itself; with random signs the sum of the
/// products' errors is to the sum of the products as one error to its product: at most 2^-10.
double bound(const GemmVariant& variant, const GemmProblem& p) {
  double sum = f32_sum_bound(static_cast<double>(p.k));
  if (p.dtype == DType::bf16) sum += kBf16Rounding;
  if (std::string_view(variant.name) == "tensor_tf32") sum += 0x1p-10;
  return sum;
}

/// Every variant of `backend` against the reference.
void check_backend(const Backend& backend, const GemmProblem& p, bool integers,
                   std::int64_t offset) {
  GemmProblem exact = p;
  exact.dtype = DType::f64;
  const GemmInputs in = random_gemm_inputs(p, integers);
  const Values sums = run_gemm(reference(), reference().gemm.run.choose(exact), exact, in, 0);
  const Values expected = p.dtype == DType::bf16 && integers ? rounded_to_bf16(sums) : sums;
  for (const auto& variant : backend.gemm.run.all()) {
    if (!variant.supports(p)) continue;
    CAPTURE(p);
    INFO("backend ", backend.name, ", variant ", variant.name, ", offset ", offset);
    const Values found = run_gemm(backend, variant, p, in, offset);
    if (integers) {
      CHECK(found == expected);
    } else {
      check_close(found, expected, bound(variant, p), "y");
    }
  }
}

}  // namespace

TEST_CASE("gemm") {
  for_each_backend([](const Backend& backend) {
    if (is_simt(backend)) return;
    for (const GemmSize& size : sizes()) {
      for_each_form(size, [&](const GemmProblem& p) {
        if (p.k > 0) check_backend(backend, p, false, 1);
        check_backend(backend, p, true, 1);
      });
    }
  });
}

TEST_CASE("gemm on cpu: a result of 33 MB is stored past the caches") {
  for (const Backend& backend : tested_backends()) {
    if (backend.name != std::string_view("cpu")) continue;
    GemmProblem p{.m = 513, .n = 16416, .k = 3};
    for (std::int64_t offset : {0, 1}) check_backend(backend, p, true, offset);
    p.n = 16417;  // rows that are no whole lines
    check_backend(backend, p, true, 0);
  }
}

TEST_CASE("gemm: kernels in tiles, and bf16") {
  for (const Backend& backend : tested_backends()) {
    for (const GemmSize& size : sizes_for_tiles()) {
      for_each_form(size, [&](GemmProblem p) {
        for (DType dtype : {DType::f32, DType::bf16}) {
          if (dtype == DType::bf16 && !computes_bf16(backend)) continue;
          p.dtype = dtype;
          // Aligned or not; rounded or exact; bias or none: all pairs of two of them.
          check_backend(backend, p, true, p.bias ? 1 : 0);
          if (p.m * p.n * p.k > 1) check_backend(backend, p, false, p.bias ? 0 : 1);
        }
      });
    }
  }
}

TEST_CASE("gemm: many matrices") {
  for (const Backend& backend : tested_backends()) {
    for_each_form(kManyMatrices, [&](GemmProblem p) {
      p.dtype = p.trans_a == p.trans_b && computes_bf16(backend) ? DType::bf16 : DType::f32;
      if (!p.bias) check_backend(backend, p, true, 0);
    });
  }
}

TEST_CASE("gemm: variants are forced by name, and chosen by shape alone") {
  for (Backend backend : tested_backends()) {
    INFO("backend ", backend.name);
    for (DType dtype : {DType::f32, DType::bf16}) {
      const GemmProblem p{.m = 3, .n = 4, .k = 5, .dtype = dtype};
      for (const auto& variant : backend.gemm.run.all()) {
        if (!variant.supports(p)) continue;
        backend.gemm.run.force(variant.name);
        CHECK(backend.gemm.run.choose(p).name == std::string_view(variant.name));
        backend.gemm.run.force("");
        CHECK(!backend.gemm.run.choose(p).on_request);
      }
    }
    if (!is_simt(backend)) continue;
    const auto choice = [&](std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t batch) {
      return std::string_view(
          backend.gemm.run.choose({.m = m, .n = n, .k = k, .batch = batch}).name);
    };
    for (std::int64_t batch : {1, 1000}) {
      CHECK(choice(4096, 4096, 4096, batch) == "register_tiles");
      CHECK(choice(1024, 1024, 512, batch) == "register_tiles");
      CHECK(choice(64, 64, 64, batch) == "register_tiles");
      CHECK(choice(8, 1000, 2048, batch) == "split_k");
      CHECK(choice(512, 64, 50000, batch) == "split_k");
    }
  }
}

TEST_CASE("gemm on cpu: same bits for every thread count") {
  const Backend backend = cpu_backend();
  const int threads = thread_count();
  for (const GemmSize& size : sizes()) {
    for_each_form(size, [&](const GemmProblem& p) {
      CAPTURE(p);
      const GemmInputs in = random_gemm_inputs(p, false);
      for (const auto& variant : backend.gemm.run.all()) {
        if (!variant.supports(p)) continue;
        set_thread_count(1);
        const Values expected = run_gemm(backend, variant, p, in, 1);
        for (int count : {2, 3}) {
          set_thread_count(count);
          CHECK(run_gemm(backend, variant, p, in, 1) == expected);
        }
      }
    });
  }
  set_thread_count(threads);
}

TEST_CASE("gemm: a matrix of a batch has the bits it has alone") {
  for (const Backend& backend : tested_backends()) {
    INFO("backend ", backend.name);
    const std::vector<GemmSize> batches =
        is_simt(backend)
            ? std::vector<GemmSize>{{15, 33, 17, 3}, {9, 8, 400, 2}}
            : std::vector<GemmSize>{
                  {15, 33, 17, 7}, {40, 50, 600, 2}, {170, 160, 160, 2}, {29, 64, 96, 2}};
    for (const GemmSize& size : batches) {
      for_each_form(size, [&](const GemmProblem& p) {
        const GemmInputs in = random_gemm_inputs(p, false);
        GemmProblem one = p;
        one.batch = 1;
        for (const auto& variant : backend.gemm.run.all()) {
          if (!variant.supports(p)) continue;
          CAPTURE(p);
          const Values whole = run_gemm(backend, variant, p, in, 1);
          const auto part = [](const Values& of, std::int64_t piece, std::int64_t t) {
            return Values(of.begin() + t * piece, of.begin() + (t + 1) * piece);
          };
          for (std::int64_t t = 0; t < p.batch; ++t) {
            const GemmInputs own = {part(in.a, p.m * p.k, t), part(in.b, p.k * p.n, t), in.bias};
            CHECK(run_gemm(backend, variant, one, own, 1) == part(whole, p.m * p.n, t));
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

TEST_CASE("gemm: only ref takes f64, and cpu no bf16") {
  for (const Backend& backend : tested_backends()) {
    if (std::string_view(backend.name) == "ref") continue;
    CHECK_THROWS_AS(backend.gemm.run.choose({.dtype = DType::f64}), Error);
  }
  CHECK_THROWS_AS(cpu_backend().gemm.run.choose({.dtype = DType::bf16}), Error);
}

}  // namespace tl::test
