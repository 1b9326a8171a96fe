// wmma on the host: matrix products of a warp, its layouts, and what it refuses.
#include "kernels/cuda/tensor_core.cuh"

#include <cmath>

#include "tests/simt/support.h"

namespace tl::simt {
namespace {

constexpr int kStep = 24;  // elements from row to row of every stored matrix: more than it needs

/// y [16, 16] = a [16, K] * b [K, 16] + 1, the stored forms row by row or column by column.
template <class T, class Stored, int K, class LayoutA, class LayoutB>
__global__ void multiply(const Stored* a, const Stored* b, wmma::layout_t layout_y, float* y) {
  wmma::fragment<wmma::matrix_a, 16, 16, K, T, LayoutA> a_part;
  wmma::fragment<wmma::matrix_b, 16, 16, K, T, LayoutB> b_part;
  wmma::fragment<wmma::accumulator, 16, 16, K, float> sums;
  wmma::fill_fragment(sums, 1.0f);
  wmma::load_matrix_sync(a_part, as_wmma(a), kStep);
  wmma::load_matrix_sync(b_part, as_wmma(b), kStep);
  wmma::mma_sync(sums, a_part, b_part, sums);
  for (int i = 0; i < sums.num_elements; ++i) sums.x[i] *= 2;
  wmma::store_matrix_sync(y, sums, kStep, layout_y);
}

float a_value(int m, int k) { return static_cast<float>((5 * m + 3 * k) % 17 - 8); }
float b_value(int k, int n) { return static_cast<float>((7 * k + 2 * n) % 13 - 6); }

template <class Stored, class F>
std::vector<Stored> stored(int rows, int columns, bool row_by_row, const F& value) {
  std::vector<Stored> all(16 * kStep, Stored(std::nanf("")));
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c)
      all[row_by_row ? r * kStep + c : c * kStep + r] = Stored(value(r, c));
  }
  return all;
}

template <class T, class Stored, int K, class LayoutA, class LayoutB>
void check_product() {
  constexpr bool a_rows = std::is_same_v<LayoutA, wmma::row_major>;
  constexpr bool b_rows = std::is_same_v<LayoutB, wmma::row_major>;
  CAPTURE(K);
  CAPTURE(a_rows);
  CAPTURE(b_rows);
  const Buffer<Stored> a(stored<Stored>(16, K, a_rows, a_value));
  const Buffer<Stored> b(stored<Stored>(K, 16, b_rows, b_value));
  for (bool y_rows : {true, false}) {
    const Buffer<float> y(16 * kStep);
    launch<multiply<T, Stored, K, LayoutA, LayoutB>>(
        1, 32, 0, nullptr, static_cast<const Stored*>(a), static_cast<const Stored*>(b),
        y_rows ? wmma::mem_row_major : wmma::mem_col_major, static_cast<float*>(y));
    const std::vector<float> found = y.read();
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        float sum = 1;
        for (int k = 0; k < K; ++k) sum += a_value(m, k) * b_value(k, n);
        CHECK(found[y_rows ? m * kStep + n : n * kStep + m] == 2 * sum);
      }
      CHECK(std::isnan(found[m * kStep + 16]));
    }
  }
}

template <class T, class Stored, int K>
void check_layouts() {
  for_each_order([] {
    check_product<T, Stored, K, wmma::row_major, wmma::row_major>();
    check_product<T, Stored, K, wmma::row_major, wmma::col_major>();
    check_product<T, Stored, K, wmma::col_major, wmma::row_major>();
    check_product<T, Stored, K, wmma::col_major, wmma::col_major>();
  });
}

using TensorFloat = wmma::precision::tf32;
using A = wmma::fragment<wmma::matrix_a, 16, 16, 8, TensorFloat, wmma::row_major>;
using B = wmma::fragment<wmma::matrix_b, 16, 16, 8, TensorFloat, wmma::row_major>;
using Sums = wmma::fragment<wmma::accumulator, 16, 16, 8, float>;

__global__ void multiply_unrounded(float a_element, bool round, float* y) {
  A a;
  B b;
  Sums sums;
  wmma::fill_fragment(a, round ? wmma::__float_to_tf32(a_element) : a_element);
  wmma::fill_fragment(b, 1.0f);
  wmma::fill_fragment(sums, 0.0f);
  wmma::mma_sync(sums, a, b, sums);
  if (threadIdx.x == 0) *y = sums.x[0];
}

__global__ void sums_not_filled(float* y) {
  Sums sums;
  wmma::store_matrix_sync(y, sums, 16, wmma::mem_row_major);
}

/// Element i of lane l as somebody who knows one GPU would place it.
__global__ void assumed_layout(float* y) {
  Sums sums;
  const int lane = threadIdx.x;
  for (int i = 0; i < 8; ++i) {
    const int row = lane / 4 + i / 2 % 2 * 8, column = lane % 4 * 2 + i % 2 + i / 4 * 8;
    sums.x[i] = static_cast<float>(16 * row + column);
  }
  wmma::store_matrix_sync(y, sums, 16, wmma::mem_row_major);
}

__global__ void load(const float* x, int offset, int step, bool apart) {
  A a;
  const int more = apart && threadIdx.x == 5 ? 8 : 0;
  wmma::load_matrix_sync(a, x + offset + more, static_cast<unsigned>(step));
}

__global__ void round_to_tf32(const float* x, float* y) {
  y[threadIdx.x] = wmma::__float_to_tf32(x[threadIdx.x]);
}

}  // namespace

TEST_CASE("simt: tensor cores multiply bf16 in every layout") {
  check_layouts<__nv_bfloat16, BFloat16, 16>();
}

TEST_CASE("simt: tensor cores multiply tf32 in every layout") {
  check_layouts<TensorFloat, float, 8>();
}

TEST_CASE("simt: tf32 keeps 10 bits of the mantissa, ties away from zero") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {1 + 0x1p-10f, 1 + 0x1p-11f,       1 + 0x1p-12f, -1 - 0x1p-11f,
                                     0x1p-130f,    2 - 0x1p-11f,       infinity,     -0.0f,
                                     1 / 3.0f,     1 + 3 * 0x1.8p-12f, 0x1p+100f,    -5};
  const std::vector<float> right = {
      1 + 0x1p-10f, 1 + 0x1p-10f, 1,           -1 - 0x1p-10f, 0x1p-130f, 2,
      infinity,     -0.0f,        0x1.554p-2f, 1 + 0x1p-10f,  0x1p+100f, -5};
  const Buffer<float> x(values), y(values.size());
  launch<round_to_tf32>(1, static_cast<unsigned>(values.size()), 0, nullptr,
                        static_cast<const float*>(x), static_cast<float*>(y));
  CHECK(y.read() == right);
}

TEST_CASE("simt finds: tf32 operands that nobody rounded, sums that nobody began") {
  const Buffer<float> y(256);
  const auto multiply_with = [&](float a, bool round) {
    return error_of(
        [&] { launch<multiply_unrounded>(1, 32, 0, nullptr, a, round, static_cast<float*>(y)); });
  };
  CHECK(
      contains(multiply_with(0.1f, false), "the tf32 operand 0.1, which __float_to_tf32 has not"));
  CHECK(multiply_with(0.1f, true) == "no error");
  CHECK(std::abs(y.read()[0] - 0.8f) < 0.8f * 0x1p-11f);
  CHECK(y.read()[0] != 0.8f);

  launch<sums_not_filled>(1, 32, 0, nullptr, static_cast<float*>(y));
  for (float value : y.read()) CHECK(std::isnan(value));
}

TEST_CASE("simt shows: a kernel that relies on one GPU's layout of fragments") {
  const Buffer<float> y(256);
  launch<assumed_layout>(1, 32, 0, nullptr, static_cast<float*>(y));
  const std::vector<float> found = y.read();
  int wrong = 0;
  for (int i = 0; i < 256; ++i) wrong += found[i] != static_cast<float>(i);
  CHECK(wrong > 200);
}

TEST_CASE("simt: what loads of fragments refuse") {
  const WithoutRaceChecks all_pass;
  const Buffer<float> x(1024);
  const auto error = [&](unsigned threads, int offset, int step, bool apart = false) {
    return error_of([&] {
      launch<load>(1, threads, 0, nullptr, static_cast<const float*>(x), offset, step, apart);
    });
  };
  CHECK(error(32, 8, 12) == "no error");
  CHECK(contains(error(32, 4, 12), "load: block (0,0,0) thread ("));
  CHECK(contains(error(32, 4, 12), "calls wmma::load_matrix_sync with the address 0x"));
  CHECK(contains(error(32, 4, 12), "not a multiple of 32"));
  CHECK(contains(error(32, 0, 10), "a step of 10 elements of 4 bytes, not a multiple of 16 bytes"));
  CHECK(contains(error(32, 0, 8, true), "lane 5 passes another address, step or layout"));
  CHECK(contains(error(31, 0, 8), "without all 32 lanes: 0x7fffffff"));
}

}  // namespace tl::simt
