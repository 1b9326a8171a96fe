// gather: the contract of kernels/gather.h. Rows are moved in words (words.cuh). The gradient has
// to add in the order of the index, so a row of dx has one owner, who goes through the whole index:
//
//   add_rows_of_lanes    a thread per element of dx, for short rows
//   add_rows_of_warps    a warp per row and 32 packs of columns: the lanes look at 32 places of the
//                        index at a time, and only those that name their row cost anything more
#include <bit>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"
#include "kernels/cuda/words.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

// ---- rows ---------------------------------------------------------------------------------------

template <class W, class D>
__global__ void copy_rows(D columns, std::int64_t row_size, std::int64_t count, const W* x,
                          const std::int32_t* index, W* y) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const Division at = columns(i);
    store_word(y + i, load_word(x + index[at.quotient] * row_size + at.remainder));
  }
}

void rows(Stream stream, std::int64_t columns, ConstView x, ConstView index, View y) {
  const std::int32_t* picked = index.as<std::int32_t>();
  check(x.dtype == y.dtype, "gather.rows: needs equal dtypes, got ", x.dtype, " and ", y.dtype);
  if (y.size == 0) return;
  const auto element = static_cast<std::int64_t>(size_of(y.dtype));
  const std::int64_t bytes =
      largest_word(element, columns * element, address_of(x.data), address_of(y.data));
  const std::int64_t row_size = columns * element / bytes, count = y.size * element / bytes;
  with_divisor(count, [&]<class D>(D) {
    with_word(bytes, [&]<class W>(W) {
      launch<copy_rows<W, D>>(blocks_for(count), kThreads, 0, native(stream), D(row_size), row_size,
                              count, static_cast<const W*>(x.data), picked,
                              static_cast<W*>(y.data));
    });
  });
}

// ---- the gradient -------------------------------------------------------------------------------

constexpr int kLanes = 32, kWarps = kThreads / kLanes;

template <class T, class D>
__global__ void add_rows_of_lanes(D columns, std::int64_t row_size, std::int64_t count, const T* dy,
                                  const std::int32_t* index, std::int64_t picked, T* dx) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const Division at = columns(i);
    float sum = 0;
    for (std::int64_t k = 0; k < picked; ++k) {
      if (index[k] == at.quotient) sum += static_cast<float>(dy[k * row_size + at.remainder]);
    }
    dx[i] = static_cast<T>(sum);
  }
}

template <int N, class T, class D>
__global__ void add_rows_of_warps(D tiles, std::int64_t columns, std::int64_t count, const T* dy,
                                  const std::int32_t* index, std::int64_t picked, T* dx) {
  const int lane = threadIdx.x % kLanes;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / kLanes;
  for (std::int64_t i = first; i < count; i += static_cast<std::int64_t>(gridDim.x) * kWarps) {
    const Division at = tiles(i);
    const std::int64_t row = at.quotient, column = (at.remainder * kLanes + lane) * N;
    float sum[N] = {};
    for (std::int64_t begin = 0; begin < picked; begin += kLanes) {
      const std::int64_t mine = begin + lane;
      unsigned matches = __ballot_sync(FULL_WARP, mine < picked && index[mine] == row);
      for (; matches != 0; matches &= matches - 1) {
        const std::int64_t k = begin + __ffs(static_cast<int>(matches)) - 1;
        if (column >= columns) continue;
        float value[N];
        load_floats(dy + k * columns + column, value);
#pragma unroll
        for (int j = 0; j < N; ++j) sum[j] += value[j];
      }
    }
    if (column < columns) store_floats(dx + row * columns + column, sum);
  }
}

template <int N, class T>
void run_warps(Stream stream, std::int64_t rows, std::int64_t columns, const T* dy,
               const std::int32_t* index, std::int64_t picked, T* dx) {
  const std::int64_t tiles = ceil_div(columns, kLanes * N), count = rows * tiles;
  with_divisor(count, [&]<class D>(D) {
    launch<add_rows_of_warps<N, T, D>>(blocks_for(count * kLanes), kThreads, 0, native(stream),
                                       D(tiles), columns, count, dy, index, picked, dx);
  });
}

void rows_backward(Stream stream, std::int64_t columns, ConstView dy_view, ConstView index_view,
                   View dx_view) {
  const std::int32_t* index = index_view.as<std::int32_t>();
  const std::int64_t picked = index_view.size, count = dx_view.size;
  with_f32_or_bf16("gather.rows_backward", dx_view.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    T* dx = dx_view.as<T>();
    if (count == 0) return;
    if (columns < kLanes) {
      with_divisor(count, [&]<class D>(D) {
        launch<add_rows_of_lanes<T, D>>(blocks_for(count), kThreads, 0, native(stream), D(columns),
                                        columns, count, dy, index, picked, dx);
      });
    } else if (columns % kVectorOf<T> == 0 && is_aligned_for<kVectorOf<T>>(dy) &&
               is_aligned_for<kVectorOf<T>>(dx)) {
      run_warps<kVectorOf<T>>(stream, count / columns, columns, dy, index, picked, dx);
    } else {
      run_warps<1>(stream, count / columns, columns, dy, index, picked, dx);
    }
  });
}

}  // namespace

void install_gather(Backend& b) {
  b.gather.rows = rows;
  b.gather.rows_backward = rows_backward;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
