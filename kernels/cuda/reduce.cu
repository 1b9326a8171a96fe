// reduce: the contract of kernels/reduce.h. Here are its plain variant, the gradient of max and
// min, and the list of variants.
//
//   one_thread       a thread per result, which it goes through the axis for. Good where there are
//                    many results, side by side, of few elements each.
//   warp_per_row     (reduce_rows.cu) inner = 1
//   block_per_row    (reduce_rows.cu) inner = 1, long rows
//   column_tiles     (reduce_columns.cu) inner > 1
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/install.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

// ---- one_thread ---------------------------------------------------------------------------------

template <ReduceOp op, class T>
__global__ void one_thread(std::int64_t results, std::int64_t count, std::int64_t inner, const T* x,
                           ReduceOutput<op, T> output) {
  using R = Reduction<op>;
  for (std::int64_t i = first_index(); i < results; i += index_step()) {
    const T* from = x + i / inner * count * inner + i % inner;
    typename R::Value value{};
    for (std::int64_t k = 0; k < count; ++k) {
      value = R::merge(value, R::of(static_cast<float>(from[k * inner]), k));
    }
    output.finish(i, value);
  }
}

void run(Stream stream, const ReduceProblem& p, const ReduceArgs& args) {
  with_reduction(p, args, [&]<ReduceOp op, class T>(const T* x, ReduceOutput<op, T> output) {
    launch<one_thread<op, T>>(blocks_for(p.y_size()), kThreads, 0, native(stream), p.y_size(),
                              p.count, p.inner, x, output);
  });
}

/// A warp's neighbours lie side by side where inner is large, far apart where it is 1.
double cost(const ReduceProblem& p) {
  const double used = static_cast<double>(std::clamp<std::int64_t>(p.inner, 1, 8));
  const double waste = std::min(8 / used, static_cast<double>(std::max<std::int64_t>(p.count, 1)));
  return reduce_cost(p, waste, static_cast<double>(p.y_size()));
}

// ---- scatter ------------------------------------------------------------------------------------

/// A thread writes N neighbours of dx: all of them in one row of `inner`, or, with inner = 1, all
/// of one axis. `units` is their number per such run: inner / N or count / N.
template <int N, class T, class D>
__global__ void scatter_gradient(D units, D count, bool is_row, std::int64_t inner,
                                 std::int64_t packs, const T* dy, const std::int32_t* position,
                                 T* dx) {
  for (std::int64_t p = first_index(); p < packs; p += index_step()) {
    const Division run = units(p);
    const std::int64_t first = run.remainder * N;
    float value[N];
    if (is_row) {
      const float gradient = static_cast<float>(dy[run.quotient]);
      const std::int64_t place = position[run.quotient];
#pragma unroll
      for (int n = 0; n < N; ++n) value[n] = first + n == place ? gradient : 0;
    } else {
      const Division at = count(run.quotient);  // o and k
      const std::int64_t i = at.quotient * inner + first;
#pragma unroll
      for (int n = 0; n < N; ++n) {
        value[n] = position[i + n] == at.remainder ? static_cast<float>(dy[i + n]) : 0;
      }
    }
    store_floats(dx + p * N, value);
  }
}

template <int N, class T>
void run_scatter(Stream stream, const ReduceProblem& p, const T* dy, const std::int32_t* position,
                 T* dx) {
  const bool is_row = p.inner == 1;
  const std::int64_t packs = p.x_size() / N, run_size = is_row ? p.count : p.inner;
  with_divisor(packs, [&]<class D>(D) {
    launch<scatter_gradient<N, T, D>>(blocks_for(packs), kThreads, 0, native(stream),
                                      D(run_size / N), D(p.count), is_row, p.inner, packs, dy,
                                      position, dx);
  });
}

void scatter(Stream stream, const ReduceProblem& p, ConstView dy_view, ConstView position_view,
             View dx_view) {
  with_f32_or_bf16("reduce.scatter", p.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    const auto* position = position_view.as<std::int32_t>();
    T* dx = dx_view.as<T>();
    if (p.x_size() == 0) return;
    constexpr int kPack = kVectorOf<T>;
    if ((p.inner == 1 ? p.count : p.inner) % kPack == 0 && is_aligned_for<kPack>(dx)) {
      run_scatter<kPack>(stream, p, dy, position, dx);
    } else {
      run_scatter<1>(stream, p, dy, position, dx);
    }
  });
}

}  // namespace

void install_reduce(Backend& b) {
  b.reduce.run.add({.name = "one_thread", .supports = reduce_supports, .run = run, .cost = cost});
  add_reduce_rows(b.reduce);
  add_reduce_columns(b.reduce);
  b.reduce.scatter = scatter;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
