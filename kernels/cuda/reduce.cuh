// What the variants of reduce share: the value that is collected, and what becomes of it. Read
// kernels/reduce.h first, then reduce.cu (the plain variant and the table), reduce_rows.cu,
// reduce_columns.cu.
//
// An axis that is longer than a block should go through alone is cut into pieces, by shape only.
// Each piece leaves one value per result in the workspace [outer, pieces, inner], and a second
// kernel merges them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/reduce.h"

namespace tl::TL_DEVICE_NAMESPACE {

/// What has been collected so far of x[o, :, i]. Value{} is "nothing yet".
template <ReduceOp op>
struct Reduction {
  struct Value {
    float best;
    std::uint32_t place;  ///< 1 + the first k where it is; 0: nothing yet
  };

  __device__ static Value of(float x, std::int64_t k) {
    return {x, static_cast<std::uint32_t>(k) + 1};
  }
  /// The better of the two, NaN being better than any number; of equal ones, the first.
  __device__ static Value merge(const Value& a, const Value& b) {
    if (b.place == 0) return a;
    if (a.place == 0) return b;
    const bool a_is_nan = a.best != a.best, b_is_nan = b.best != b.best;
    const bool equal = a.best == b.best || (a_is_nan && b_is_nan);
    const bool a_is_better =
        a_is_nan || (!b_is_nan && (op == ReduceOp::max ? a.best > b.best : a.best < b.best));
    return (equal ? a.place <= b.place : a_is_better) ? a : b;
  }
  __device__ static float result(const Value& v) { return v.best; }
  __device__ static std::int32_t position(const Value& v) {
    return static_cast<std::int32_t>(v.place - 1);
  }
};

template <>
struct Reduction<ReduceOp::sum> {
  struct Value {
    float sum;
  };
  __device__ static Value of(float x, std::int64_t) { return {x}; }
  __device__ static Value merge(const Value& a, const Value& b) { return {a.sum + b.sum}; }
  __device__ static float result(const Value& v) { return v.sum; }
  __device__ static std::int32_t position(const Value&) { return 0; }
};

/// Where results go: y and position, or the workspace.
template <ReduceOp op, class T>
struct ReduceOutput {
  using R = Reduction<op>;

  T* y;
  std::int32_t* position;        // nullptr: not wanted
  typename R::Value* workspace;  // nullptr: there is one piece

  __device__ void finish(std::int64_t i, const typename R::Value& value) const {
    y[i] = static_cast<T>(R::result(value));
    if (position) position[i] = R::position(value);
  }
};

/// A warp per result merges the values of its pieces.
template <ReduceOp op, class T>
static __global__ void merge_pieces(ReduceOutput<op, T> output, std::int64_t results,
                                    std::int64_t pieces, std::int64_t inner) {
  using R = Reduction<op>;
  constexpr int kWarps = kThreads / 32;
  const int lane = threadIdx.x % 32;
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  for (; i < results; i += static_cast<std::int64_t>(gridDim.x) * kWarps) {
    const auto* from = output.workspace + i / inner * pieces * inner + i % inner;
    typename R::Value value{};
    for (std::int64_t piece = lane; piece < pieces; piece += 32) {
      value = R::merge(value, from[piece * inner]);
    }
    value = warp_reduce(value, R::merge);
    if (lane == 0) output.finish(i, value);
  }
}

/// Calls f.operator()<op, T>(x, output) with the problem's op and element type; throws what every
/// variant has to refuse. Not called where there is nothing to write.
template <class F>
void with_reduction(const ReduceProblem& p, const ReduceArgs& args, const F& f) {
  check(p.op == ReduceOp::sum || p.count > 0 || p.y_size() == 0, "reduce: ", p,
        ": nothing has no largest or smallest element");
  with_f32_or_bf16("reduce", p.dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    std::int32_t* position = p.positions ? args.position.as<std::int32_t>() : nullptr;
    if (p.y_size() == 0) return;
    const auto call = [&]<ReduceOp op>() {
      using Value = typename Reduction<op>::Value;
      f(x, ReduceOutput<op, T>{y, position, static_cast<Value*>(args.workspace.data)});
    };
    switch (p.op) {
      case ReduceOp::sum:
        return call.template operator()<ReduceOp::sum>();
      case ReduceOp::max:
        return call.template operator()<ReduceOp::max>();
      case ReduceOp::min:
        return call.template operator()<ReduceOp::min>();
    }
    throw Error("reduce: no such function");
  });
}

/// How an axis is cut: into pieces of `size`, so that there are about kEnoughBlocks blocks in all,
/// but none is smaller than `smallest`.
struct ReducePieces {
  static constexpr std::int64_t kEnoughBlocks = 1024;

  /// `strips` blocks would take an axis each, in units of `unit`.
  ReducePieces(std::int64_t count, std::int64_t strips, std::int64_t unit, std::int64_t smallest) {
    const std::int64_t wanted =
        std::max<std::int64_t>(1, kEnoughBlocks / std::max<std::int64_t>(1, strips));
    const std::int64_t whole = std::max(ceil_div(count, wanted), smallest);
    size = ceil_div(whole, unit) * unit;
    number = std::max<std::int64_t>(1, ceil_div(count, size));
  }

  std::int64_t size, number;

  bool several() const { return number > 1; }
};

inline std::int64_t pieces_bytes(const ReduceProblem& p, const ReducePieces& pieces) {
  const std::int64_t value = p.op == ReduceOp::sum ? sizeof(Reduction<ReduceOp::sum>::Value)
                                                   : sizeof(Reduction<ReduceOp::max>::Value);
  return pieces.several() ? pieces.number * p.y_size() * value : 0;
}

template <ReduceOp op, class T>
void launch_merge(Stream stream, const ReduceProblem& p, const ReducePieces& pieces,
                  const ReduceOutput<op, T>& output) {
  if (!pieces.several()) return;
  launch<merge_pieces<op, T>>(blocks_for(p.y_size() * 32), kThreads, 0, native(stream), output,
                              p.y_size(), pieces.number, p.inner);
}

inline bool reduce_supports(const ReduceProblem& p) {
  return p.dtype == DType::f32 || p.dtype == DType::bf16;
}

/// Estimated time, in additions: the elements that are read, times how much of what the memory
/// delivers is not used, over the threads that work at a time.
inline double reduce_cost(const ReduceProblem& p, double waste, double threads) {
  constexpr double kMost = 1 << 17;  // as many as keep a large GPU busy
  const double size = static_cast<double>(p.x_size());
  return size * waste / std::clamp(threads, 1.0, kMost);
}

/// The variants, one file each.
void add_reduce_rows(ReduceKernels& kernels);
void add_reduce_columns(ReduceKernels& kernels);

}  // namespace tl::TL_DEVICE_NAMESPACE
