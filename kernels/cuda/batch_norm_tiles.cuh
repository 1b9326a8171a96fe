// What the forward and the backward half of batch_norm "register_tiles" share: how x is cut into
// the tiles of threads, the norm of a channel, and what a tile leaves for the second kernel.
// batch_norm_register_tiles.cu says what it is all for.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE::batch_norm_tiles {

using namespace batch_norm;

inline constexpr int kRows = 8;

/// How [rows, channels] is dealt out to blocks of (lanes, kThreads / lanes) threads.
struct Tiling {
  std::int64_t rows, channels, chunks, tiles;  // a block has one of `chunks` times `tiles`
  int lanes;

  Tiling(const BatchNormProblem& p, int n) : rows(p.rows), channels(p.channels) {
    const std::int64_t packs = std::max<std::int64_t>(1, channels / n);
    lanes = std::bit_ceil(static_cast<unsigned>(std::min<std::int64_t>(packs, 32)));
    tiles = ceil_div(packs, lanes);
    chunks = ceil_div(rows, chunk_rows());
  }
  __host__ __device__ std::int64_t chunk_rows() const { return kThreads / lanes * kRows; }
  __device__ std::int64_t rows_of(std::int64_t chunk) const {
    return min(rows - chunk * chunk_rows(), chunk_rows());
  }
  unsigned blocks() const { return static_cast<unsigned>(chunks * tiles); }
  dim3 threads() const {
    return dim3(static_cast<unsigned>(lanes), static_cast<unsigned>(kThreads / lanes));
  }
};

/// N elements in packs of A: A = 1 where buffers are aligned to their elements only, else N.
template <int A, int N, class T>
__device__ Pack<T, N> load_parts(const T* from) {
  Pack<T, N> all;
#pragma unroll
  for (int i = 0; i < N; i += A) {
    const Pack<T, A> part = load_pack<A>(from + i);
#pragma unroll
    for (int j = 0; j < A; ++j) all.x[i + j] = part.x[j];
  }
  return all;
}
template <int A, int N, class T>
__device__ void store_parts(T* to, const float (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += A) {
    float part[A];
#pragma unroll
    for (int j = 0; j < A; ++j) part[j] = x[i + j];
    store_floats(to + i, part);
  }
}

/// The elements of the calling thread: N channels from `channel` on, of the rows row(0), row(1),
/// ... of which the first `count` exist.
template <int N, int A>
struct Tile {
  std::int64_t chunk, channel, first_row;
  int step, count;

  __device__ Tile(const Tiling& t, bool from_end) {
    const std::int64_t block = from_end ? gridDim.x - 1 - blockIdx.x : blockIdx.x;
    chunk = block / t.tiles;
    channel = (block % t.tiles * t.lanes + threadIdx.x) * N;
    step = static_cast<int>(blockDim.y);
    const std::int64_t left = channel < t.channels ? t.rows_of(chunk) - threadIdx.y : 0;
    first_row = chunk * t.chunk_rows() + threadIdx.y;
    count = left <= 0 ? 0 : static_cast<int>(min((left - 1) / step + 1, std::int64_t{kRows}));
  }
  __device__ std::int64_t index(const Tiling& t, int i) const {
    return (first_row + std::int64_t{i} * step) * t.channels + channel;
  }
  /// Some rows from row(first) on, all at once; those that do not exist are left as they are.
  template <class T, int R>
  __device__ void load(const Tiling& t, const T* x, int first, Pack<T, N> (&rows)[R]) const {
#pragma unroll
    for (int i = 0; i < R; ++i) {
      if (first + i < count) rows[i] = load_parts<A, N>(x + index(t, first + i));
    }
  }
};

/// Two numbers per channel and chunk, those of a channel side by side.
struct Partial {
  float first, second;
};

/// What the first row of a block's threads has of its tile's channels becomes its partial result.
template <int N, int A>
__device__ void leave_partials(const Tiling& t, const Tile<N, A>& tile,
                               const float (&first)[N][kThreads],
                               const float (&second)[N][kThreads], Partial* partial) {
  if (tile.channel >= t.channels) return;
#pragma unroll
  for (int j = 0; j < N; ++j) {
    partial[(tile.channel + j) * t.chunks + tile.chunk] = {first[j][threadIdx.x],
                                                           second[j][threadIdx.x]};
  }
}

inline __device__ float add(float a, float b) { return a + b; }

/// The parameters of N channels, and the norm itself. The one place where it is worked out:
/// forward, and backward for the ReLU, to the bit.
template <int N>
struct Norm {
  float mean[N], scale[N], beta[N];

  __device__ Norm(const Parameters& p, std::int64_t channel) {
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const std::int64_t c = channel + j;
      mean[j] = p.mean[c];
      scale[j] = p.gamma[c] * p.spread(c);
      beta[j] = p.beta ? p.beta[c] : 0;
    }
  }
  __device__ float operator()(int j, float x) const { return fmaf(x - mean[j], scale[j], beta[j]); }
};

/// Calls f(N, A), constants: N is chosen by the number of channels alone, and with it the order of
/// the sums, so that the bits do not depend on where buffers lie.
template <class T, class F, class... X>
void with_packs(std::int64_t channels, const F& f, const X*... arrays) {
  constexpr std::integral_constant<int, 1> one;
  constexpr std::integral_constant<int, kVectorOf<T>> many;
  if (channels % many() != 0) return f(one, one);
  (is_aligned_for<many()>(arrays) && ...) ? f(many, many) : f(many, one);
}

/// Calls f(whether there is a buffer), a constant.
template <class F>
void with_presence(const void* buffer, const F& f) {
  buffer ? f(std::true_type()) : f(std::false_type());
}

inline std::int64_t workspace_bytes(const BatchNormProblem& p) {
  const int most = p.x_dtype == DType::f32 ? kVectorOf<float> : kVectorOf<BFloat16>;
  const Tiling t(p, p.channels % most == 0 ? most : 1);
  return t.chunks * p.channels * static_cast<std::int64_t>(sizeof(Partial));
}

}  // namespace tl::TL_DEVICE_NAMESPACE::batch_norm_tiles
