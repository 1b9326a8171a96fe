// TensorProduct: a block's tile of y as matrices of 16x16 sums, made by tensor cores. Two warps
// stand side by side, one pair for every 64 rows; each has 64 rows by half of the columns: what it
// loads of a is used for 2 products, what it loads of b for 4.
//
// Element BFloat16: products of bf16 are exact, sums f32. Element float: operands are rounded to
// TF32 (10 mantissa bits) when a warp has loaded them.
#pragma once

#include <type_traits>

#include "kernels/cuda/tensor_core.cuh"
#include "kernels/cuda/tile.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

template <class LayoutA, class LayoutB>
class TensorProduct {
  using Element = typename LayoutA::Element;
  static constexpr bool kTf32 = std::is_same_v<Element, float>;
  static constexpr int kMatrix = 16;              // rows and columns of one product
  static constexpr int kDepths = kTf32 ? 8 : 16;  // and its depth
  static constexpr int kDown = 4, kAcross = LayoutB::kSide / 2 / kMatrix;

 public:
  static constexpr int kThreads = LayoutA::kSide / (kDown * kMatrix) * 2 * 32;

  __device__ TensorProduct() {
#pragma unroll
    for (int i = 0; i < kDown; ++i) {
#pragma unroll
      for (int j = 0; j < kAcross; ++j) wmma::fill_fragment(sum_[i][j], 0.0f);
    }
  }

  /// Adds the product of two tiles.
  __device__ void multiply(const Element* a_tile, const Element* b_tile) {
#pragma unroll
    for (int d = 0; d < LayoutA::kDepth; d += kDepths) {
      B b[kAcross];
#pragma unroll
      for (int j = 0; j < kAcross; ++j)
        load<LayoutB>(b_tile, first_column() + j * kMatrix, d, b[j]);
#pragma unroll
      for (int i = 0; i < kDown; ++i) {
        A a;
        load<LayoutA>(a_tile, first_row() + i * kMatrix, d, a);
#pragma unroll
        for (int j = 0; j < kAcross; ++j) wmma::mma_sync(sum_[i][j], a, b[j], sum_[i][j]);
      }
    }
  }

  /// Leaves the sums in shared memory, row by row.
  template <int pitch>
  __device__ void store(float (*sums)[pitch]) const {
#pragma unroll
    for (int i = 0; i < kDown; ++i) {
#pragma unroll
      for (int j = 0; j < kAcross; ++j) {
        wmma::store_matrix_sync(&sums[first_row() + i * kMatrix][first_column() + j * kMatrix],
                                sum_[i][j], pitch, wmma::mem_row_major);
      }
    }
  }

 private:
  using Operand = std::conditional_t<kTf32, wmma::precision::tf32, __nv_bfloat16>;
  using OrderA =
      std::conditional_t<LayoutA::kAlong == Along::depth, wmma::row_major, wmma::col_major>;
  using OrderB =
      std::conditional_t<LayoutB::kAlong == Along::depth, wmma::col_major, wmma::row_major>;
  using A = wmma::fragment<wmma::matrix_a, kMatrix, kMatrix, kDepths, Operand, OrderA>;
  using B = wmma::fragment<wmma::matrix_b, kMatrix, kMatrix, kDepths, Operand, OrderB>;
  using Sum = wmma::fragment<wmma::accumulator, kMatrix, kMatrix, kDepths, float>;

  static __device__ int first_row() { return threadIdx.x / 64 * (kDown * kMatrix); }
  static __device__ int first_column() { return threadIdx.x / 32 % 2 * (kAcross * kMatrix); }

  template <class Layout, class Fragment>
  static __device__ void load(const Element* tile, int place, int d, Fragment& f) {
    const int offset =
        Layout::kAlong == Along::depth ? place * Layout::kPitch + d : d * Layout::kPitch + place;
    wmma::load_matrix_sync(f, as_wmma(tile + offset), Layout::kPitch);
    if constexpr (kTf32) {
#pragma unroll
      for (int i = 0; i < f.num_elements; ++i) f.x[i] = wmma::__float_to_tf32(f.x[i]);
    }
  }

  Sum sum_[kDown][kAcross];
};

}  // namespace tl::TL_DEVICE_NAMESPACE
