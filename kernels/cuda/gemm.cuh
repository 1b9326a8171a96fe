// What the kernels of gemm share: the shape as a kernel sees it, and how a batch becomes launches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cuda/compat.cuh"
#include "kernels/gemm.h"

namespace tl::TL_DEVICE_NAMESPACE {

/// One matrix product in 32 bits per number. Indices into buffers stay 64 bits wide.
struct GemmShape {
  int m, n, k;

  explicit GemmShape(const GemmProblem& p)
      : m(static_cast<int>(p.m)), n(static_cast<int>(p.n)), k(static_cast<int>(p.k)) {}

  __device__ std::int64_t a_size() const { return static_cast<std::int64_t>(m) * k; }
  __device__ std::int64_t b_size() const { return static_cast<std::int64_t>(k) * n; }
  __device__ std::int64_t y_size() const { return static_cast<std::int64_t>(m) * n; }
};

/// The buffers of matrix products that lie one after another.
template <class T, class Y = T>
struct GemmBuffers {
  const T* a;
  const T* b;
  const float* bias;  // nullptr: none
  Y* y;
};

/// Whether every coordinate, and a tile's length past it, fits 31 bits.
inline bool gemm_fits(const GemmProblem& p) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max() - 256;
  return p.m <= kMost && p.n <= kMost && p.k <= kMost;
}

inline bool gemm_supports(const GemmProblem& p) {
  return (p.dtype == DType::f32 || p.dtype == DType::bf16) && gemm_fits(p);
}

/// As many matrices of a batch as a grid's z takes.
inline constexpr std::int64_t kMatricesPerSlice = 65535;

/// Calls f(batch, buffers) for slices of the batch; never for an empty y.
template <class T, class F>
void for_each_slice(const GemmProblem& p, const GemmArgs& args, const F& f) {
  if (p.m == 0 || p.n == 0) return;
  for (std::int64_t t = 0; t < p.batch; t += kMatricesPerSlice) {
    f(static_cast<unsigned>(std::min(kMatricesPerSlice, p.batch - t)),
      GemmBuffers<T>{args.a.as<T>() + t * p.m * p.k, args.b.as<T>() + t * p.k * p.n,
                     p.bias ? args.bias.as<float>() : nullptr, args.y.as<T>() + t * p.m * p.n});
  }
}

/// Calls f(trans_a, trans_b) with the problem's two as std::bool_constant.
template <class F>
void with_transposes(const GemmProblem& p, const F& f) {
  const auto with_b = [&](auto trans_a) {
    if (p.trans_b) {
      f(trans_a, std::true_type{});
    } else {
      f(trans_a, std::false_type{});
    }
  };
  if (p.trans_a) {
    with_b(std::true_type{});
  } else {
    with_b(std::false_type{});
  }
}

/// The variants, one file each, from plain to involved.
void add_gemm_naive(GemmKernels& kernels);
void add_gemm_shared_tiles(GemmKernels& kernels);
void add_gemm_register_tiles(GemmKernels& kernels);
void add_gemm_split_k(GemmKernels& kernels);
void add_gemm_tensor(GemmKernels& kernels);

}  // namespace tl::TL_DEVICE_NAMESPACE
