// Rows: what kernels share whose result depends on whole rows: softmax, log_softmax.
//
// A team of threads has one row at a time: a warp for short rows, several of which then share a
// block; a block of kThreads for longer ones. Each thread keeps its packs of the row in registers,
// so that a row is read once however often it is gone through. Rows too long for that are read
// again for every pass. A kernel is written once for all of them:
//
//   const Row<T, 2, S> row(columns, {y + begin, dy + begin});
//   const float sum = row.sum([](float y, float dy) { return y * dy; });
//   row.store(dx + begin, [&](float y, float dy) { return y * (dy - sum); });
//
// All threads of a team get the same sum. Sums have one order, made by the shape alone.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// team threads for a row, which they take in packs of `pack` elements; `packs` of them per thread
/// fit into registers, 0: none are kept.
template <int team, int pack, int packs>
struct RowShape {
  static constexpr int kTeam = team, kPack = pack, kPacks = packs;
  static constexpr int kRowsPerBlock = kThreads / team;
  static constexpr std::int64_t kStep = team * pack;  ///< elements that a team takes at once
};

/// The total of the team, in every thread of it; merge is commutative. All threads of the warp, or
/// of the block, call it.
template <int team, class Merge>
static __device__ float team_reduce(float value, const Merge& merge) {
  static_assert(team == 32 || team == kThreads);
#pragma unroll
  for (int delta = 16; delta > 0; delta /= 2) {
    value = merge(value, __shfl_xor_sync(FULL_WARP, value, delta));
  }
  if constexpr (team > 32) {
    constexpr int kWarps = team / 32;
    __shared__ float warp_total[kWarps];
    if (threadIdx.x % 32 == 0) warp_total[threadIdx.x / 32] = value;
    __syncthreads();
    value = warp_total[0];
#pragma unroll
    for (int warp = 1; warp < kWarps; ++warp) value = merge(value, warp_total[warp]);
    __syncthreads();  // warp_total is free for the next call
  }
  return value;
}

/// One row of each of `inputs` arrays, all of `columns` elements. S: a RowShape.
template <class T, int inputs, class S>
class Row {
 public:
  struct Begins {
    const T* of[inputs];
  };

  __device__ Row(std::int64_t columns, const Begins& begins)
      : columns_(columns), first_(threadIdx.x % S::kTeam * S::kPack), begins_(begins) {
    if constexpr (S::kPacks > 0) {
#pragma unroll
      for (int p = 0; p < S::kPacks; ++p) {
        const std::int64_t j = first_ + p * S::kStep;
        if (j < columns_) kept_[p] = load(j);
      }
    }
  }

  /// The sum of f(x) or f(x, x2) over the columns.
  template <class F>
  __device__ float sum(const F& f) const {
    float total = 0;
    for_each(
        [&](std::int64_t, float(&value)[S::kPack]) {
#pragma unroll
          for (float v : value) total += v;
        },
        f);
    return team_reduce<S::kTeam>(total, [](float a, float b) { return a + b; });
  }

  /// The largest element of the first array, but for NaN.
  __device__ float max() const {
    float largest = -INFINITY;
    for_each(
        [&](std::int64_t, float(&value)[S::kPack]) {
#pragma unroll
          for (float v : value) largest = fmaxf(largest, v);
        },
        [](float x, auto...) { return x; });
    return team_reduce<S::kTeam>(largest, [](float a, float b) { return fmaxf(a, b); });
  }

  /// y[j] = f(...). y may be a row of any of the arrays.
  template <class F>
  __device__ void store(T* y, const F& f) const {
    for_each([&](std::int64_t j, float(&value)[S::kPack]) { store_floats(y + j, value); }, f);
  }

 private:
  struct Packs {
    float x[inputs][S::kPack];
  };

  __device__ Packs load(std::int64_t j) const {
    Packs packs;
#pragma unroll
    for (int i = 0; i < inputs; ++i) load_floats(begins_.of[i] + j, packs.x[i]);
    return packs;
  }

  template <class F>
  __device__ static float apply(const F& f, const Packs& packs, int i) {
    if constexpr (inputs == 1) {
      return f(packs.x[0][i]);
    } else {
      return f(packs.x[0][i], packs.x[1][i]);
    }
  }

  /// use(j, values of f at j ...) for each of the thread's packs, which begin at column j.
  template <class Use, class F>
  __device__ void for_each(const Use& use, const F& f) const {
    const auto visit = [&](std::int64_t j, const Packs& packs) {
      float value[S::kPack];
#pragma unroll
      for (int i = 0; i < S::kPack; ++i) value[i] = apply(f, packs, i);
      use(j, value);
    };
    if constexpr (S::kPacks > 0) {
#pragma unroll
      for (int p = 0; p < S::kPacks; ++p) {
        const std::int64_t j = first_ + p * S::kStep;
        if (j < columns_) visit(j, kept_[p]);
      }
    } else {
      for (std::int64_t j = first_; j < columns_; j += S::kStep) visit(j, load(j));
    }
  }

  std::int64_t columns_, first_;
  Begins begins_;
  Packs kept_[S::kPacks > 0 ? S::kPacks : 1];
};

/// kernel.template operator()<S>(begin) for each row of the block's teams, in
///
///   struct Kernel { template <class S> __device__ void operator()(std::int64_t begin) const; }
///
/// Teams of a whole block all pass through the same rows, so that their barriers meet.
template <class S, class Kernel>
static __global__ void for_each_row(Kernel kernel, std::int64_t rows, std::int64_t columns) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * S::kRowsPerBlock;
  std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * S::kRowsPerBlock;
  row += threadIdx.x / S::kTeam;
  for (; row < rows; row += step) kernel.template operator()<S>(row * columns);
}

template <class S, class Kernel>
void launch_rows(Stream stream, const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  launch<for_each_row<S, Kernel>>(blocks_for(rows * S::kTeam), kThreads, 0, native(stream), kernel,
                                  rows, columns);
}

template <int pack, class Kernel>
void run_rows_in_packs(Stream stream, const Kernel& kernel, std::int64_t rows,
                       std::int64_t columns) {
  constexpr int kFew = 8 / pack, kMany = 32 / pack;  // 8 or 32 elements per thread
  if (columns <= 8 * 32) {
    launch_rows<RowShape<32, pack, kFew>>(stream, kernel, rows, columns);
  } else if (columns <= 32 * 32) {
    launch_rows<RowShape<32, pack, kMany>>(stream, kernel, rows, columns);
  } else if (columns <= 8 * kThreads) {
    launch_rows<RowShape<kThreads, pack, kFew>>(stream, kernel, rows, columns);
  } else if (columns <= 32 * kThreads) {
    launch_rows<RowShape<kThreads, pack, kMany>>(stream, kernel, rows, columns);
  } else {
    launch_rows<RowShape<kThreads, pack, 0>>(stream, kernel, rows, columns);
  }
}

/// Runs `kernel` on all rows, in the shape that fits `columns`. T: the type of the elements of
/// `arrays`, the ones the kernel reads and writes.
template <class T, class Kernel>
void run_rows(Stream stream, const Kernel& kernel, std::int64_t rows, std::int64_t columns,
              std::initializer_list<const T*> arrays) {
  constexpr int kPack = kVectorOf<T>;
  bool packed = columns % kPack == 0;
  for (const T* array : arrays) packed = packed && is_aligned_for<kPack>(array);
  if (packed) {
    run_rows_in_packs<kPack>(stream, kernel, rows, columns);
  } else {
    run_rows_in_packs<1>(stream, kernel, rows, columns);
  }
}

}  // namespace tl::TL_DEVICE_NAMESPACE
