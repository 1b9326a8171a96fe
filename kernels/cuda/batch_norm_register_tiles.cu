// batch_norm "register_tiles": the contract of kernels/batch_norm.h, for tensors that the memory
// bounds. A thread has N neighbouring channels, 16 bytes, of kRows rows, several of
// which it asks for before it uses the first: enough bytes on their way from few threads.
//
//   train            a tile of x stays in registers for both passes over it, mean and then squared
//                    distances, so x comes once for the statistics and once for y
//   train_backward   x and dy come once for the sums and once for dx
//   eval(_backward)  the same element-wise pass, the same sums
//
// The tiles of a block merge in shared memory, the blocks of a channel in a second kernel, both in
// an order that the shape fixes. The element-wise pass goes through x from its end: what the
// reduction has read last is still in the second-level cache.
#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kRows = 8;
constexpr int kRowsOfTwo = 4;  // at a time where x and dy both are wanted: twice the registers

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

// ---- statistics ---------------------------------------------------------------------------------

/// Mean and sum of squared distances from it, of each chunk. Values are counted from the channel's
/// first one: a channel far from zero loses nothing.
template <int N, int A, class T>
__global__ void tile_moments(Tiling t, const T* x, Partial* partial) {
  __shared__ float means[N][kThreads], squares[N][kThreads], counts[kThreads];
  const Tile<N, A> tile(t, false);
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  float mean[N] = {}, square[N] = {};
  if (tile.count > 0) {
    Pack<T, N> rows[kRows];
    tile.load(t, x, 0, rows);
    const Pack<T, N> firsts = load_parts<A, N>(x + tile.channel);
    float first[N];
#pragma unroll
    for (int j = 0; j < N; ++j) first[j] = static_cast<float>(firsts.x[j]);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (i >= tile.count) continue;
#pragma unroll
      for (int j = 0; j < N; ++j) mean[j] += static_cast<float>(rows[i].x[j]) - first[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) mean[j] /= static_cast<float>(tile.count);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (i >= tile.count) continue;
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float distance = static_cast<float>(rows[i].x[j]) - first[j] - mean[j];
        square[j] += distance * distance;
      }
    }
  }
#pragma unroll
  for (int j = 0; j < N; ++j) {
    means[j][thread] = mean[j];
    squares[j][thread] = square[j];
  }
  counts[thread] = static_cast<float>(tile.count);
  __syncthreads();
  for (int half = static_cast<int>(blockDim.y) / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.y) < half) {
      const int other = thread + half * static_cast<int>(blockDim.x);
      const float n = counts[thread], m = counts[other], sum = n + m;
      const float share = sum == 0 ? 0 : m / sum;
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float distance = means[j][other] - means[j][thread];
        means[j][thread] += distance * share;
        squares[j][thread] += squares[j][other] + distance * distance * n * share;
      }
      counts[thread] = sum;
    }
    __syncthreads();
  }
  if (threadIdx.y > 0 || tile.channel >= t.channels) return;
#pragma unroll
  for (int j = 0; j < N; ++j) {
    partial[(tile.channel + j) * t.chunks + tile.chunk] = {means[j][thread], squares[j][thread]};
  }
}

__device__ float add(float a, float b) { return a + b; }

/// What becomes of a channel's statistics.
struct Statistics {
  float* mean;
  float* inv_std;
  float* running_mean;  // nullptr: left alone
  float* running_var;
  float epsilon, momentum;
};

/// With n rows, mean m and squares s in chunk k:
///   mean = sum(n m) / rows         squares = sum(s + n (m - mean)^2)
template <class T>
__global__ void merge_moments(Tiling t, const T* x, const Partial* partial, Statistics out) {
  __shared__ float shared_mean;
  const std::int64_t c = blockIdx.x;
  const float rows = static_cast<float>(t.rows);
  const Partial* const of_channel = partial + c * t.chunks;
  float sum = 0;
  for (std::int64_t k = threadIdx.x; k < t.chunks; k += kThreads) {
    sum += static_cast<float>(t.rows_of(k)) * of_channel[k].first;
  }
  sum = block_reduce<kThreads>(sum, add);
  if (threadIdx.x == 0) shared_mean = sum / rows;
  __syncthreads();
  const float mean = shared_mean;
  float squares = 0;
  for (std::int64_t k = threadIdx.x; k < t.chunks; k += kThreads) {
    const float distance = of_channel[k].first - mean;
    squares += of_channel[k].second + static_cast<float>(t.rows_of(k)) * distance * distance;
  }
  squares = block_reduce<kThreads>(squares, add);
  if (threadIdx.x > 0) return;
  const float full_mean = static_cast<float>(x[c]) + mean;
  out.mean[c] = full_mean;
  out.inv_std[c] = 1 / sqrtf(squares / rows + out.epsilon);
  if (out.running_mean) out.running_mean[c] += out.momentum * (full_mean - out.running_mean[c]);
  if (out.running_var) {
    out.running_var[c] += out.momentum * (squares / (rows - 1) - out.running_var[c]);
  }
}

// ---- element-wise -------------------------------------------------------------------------------

/// Where the parameters of the channels lie; the spread as inv_std, or (inv_std nullptr) as var.
struct Parameters {
  const float* gamma;
  const float* beta;  // nullptr: 0
  const float* mean;
  const float* inv_std;
  const float* var;
  float epsilon;
  bool relu;

  __device__ float spread(std::int64_t c) const {
    return inv_std ? inv_std[c] : 1 / sqrtf(var[c] + epsilon);
  }
};

/// Those of N channels, and the norm itself. The one place where y is worked out: forward, and
/// backward for the ReLU, to the bit.
template <int N>
struct Norm {
  float mean[N], scale[N], beta[N];
  bool relu;

  __device__ Norm(const Parameters& p, std::int64_t channel) : relu(p.relu) {
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const std::int64_t c = channel + j;
      mean[j] = p.mean[c];
      scale[j] = p.gamma[c] * p.spread(c);
      beta[j] = p.beta ? p.beta[c] : 0;
    }
  }
  __device__ float y(int j, float x) const { return fmaf(x - mean[j], scale[j], beta[j]); }
  /// `value`, or 0 where y <= 0 under a ReLU. A NaN stops nothing.
  __device__ float passed(float y, float value) const { return relu && y <= 0 ? 0 : value; }
};

template <int N, int A, class T>
__global__ void normalise(Tiling t, Parameters p, const T* x, T* y) {
  const Tile<N, A> tile(t, true);
  if (tile.count == 0) return;
  Pack<T, N> rows[kRows];
  tile.load(t, x, 0, rows);
  const Norm<N> norm(p, tile.channel);
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    if (i >= tile.count) continue;
    float out[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float value = norm.y(j, static_cast<float>(rows[i].x[j]));
      out[j] = norm.passed(value, value);
    }
    store_parts<A>(y + tile.index(t, i), out);
  }
}

// ---- gradients ----------------------------------------------------------------------------------

/// sum(g) and sum(g * (x - mean)) of each chunk, with g what of dy the ReLU passed. x nullptr: the
/// first alone.
template <int N, int A, class T>
__global__ void tile_gradients(Tiling t, Parameters p, const T* x, const T* dy, Partial* partial) {
  __shared__ float firsts[N][kThreads], seconds[N][kThreads];
  const Tile<N, A> tile(t, false);
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  float first[N] = {}, second[N] = {};
  if (tile.count > 0) {
    const Norm<N> norm(p, tile.channel);
#pragma unroll 1
    for (int row = 0; row < tile.count; row += kRowsOfTwo) {
      Pack<T, N> x_rows[kRowsOfTwo] = {}, dy_rows[kRowsOfTwo];
      if (x) tile.load(t, x, row, x_rows);
      tile.load(t, dy, row, dy_rows);
#pragma unroll
      for (int i = 0; i < kRowsOfTwo; ++i) {
        if (row + i >= tile.count) continue;
#pragma unroll
        for (int j = 0; j < N; ++j) {
          const float value = static_cast<float>(x_rows[i].x[j]);
          const float g = norm.passed(norm.y(j, value), static_cast<float>(dy_rows[i].x[j]));
          first[j] += g;
          second[j] += g * (value - norm.mean[j]);
        }
      }
    }
  }
#pragma unroll
  for (int j = 0; j < N; ++j) {
    firsts[j][thread] = first[j];
    seconds[j][thread] = second[j];
  }
  __syncthreads();
  for (int half = static_cast<int>(blockDim.y) / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.y) < half) {
      const int other = thread + half * static_cast<int>(blockDim.x);
#pragma unroll
      for (int j = 0; j < N; ++j) {
        firsts[j][thread] += firsts[j][other];
        seconds[j][thread] += seconds[j][other];
      }
    }
    __syncthreads();
  }
  if (threadIdx.y > 0 || tile.channel >= t.channels) return;
#pragma unroll
  for (int j = 0; j < N; ++j) {
    partial[(tile.channel + j) * t.chunks + tile.chunk] = {firsts[j][thread], seconds[j][thread]};
  }
}

__global__ void merge_gradients(Tiling t, Parameters p, const Partial* partial, float* dgamma,
                                float* dbeta) {
  const std::int64_t c = blockIdx.x;
  float first = 0, second = 0;
  for (std::int64_t k = threadIdx.x; k < t.chunks; k += kThreads) {
    first += partial[c * t.chunks + k].first;
    second += partial[c * t.chunks + k].second;
  }
  first = block_reduce<kThreads>(first, add);
  second = block_reduce<kThreads>(second, add);
  if (threadIdx.x > 0) return;
  if (dbeta) dbeta[c] = first;
  if (dgamma) dgamma[c] = second * p.spread(c);
}

/// dx = scale * (g - dbeta / rows - x_hat * dgamma / rows); dgamma nullptr: scale * g, x unread.
template <int N, int A, class T>
__global__ void gradient_of_x(Tiling t, Parameters p, const T* x, const T* dy, const float* dgamma,
                              const float* dbeta, T* dx) {
  const Tile<N, A> tile(t, true);
  if (tile.count == 0) return;
  const Norm<N> norm(p, tile.channel);
  float mean_dy[N] = {}, slope[N] = {};
  if (dgamma) {
    const float rows = static_cast<float>(t.rows);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const std::int64_t c = tile.channel + j;
      mean_dy[j] = dbeta[c] / rows;
      slope[j] = p.spread(c) * (dgamma[c] / rows);
    }
  }
#pragma unroll 1
  for (int row = 0; row < tile.count; row += kRowsOfTwo) {
    Pack<T, N> x_rows[kRowsOfTwo] = {}, dy_rows[kRowsOfTwo];
    if (dgamma) tile.load(t, x, row, x_rows);
    tile.load(t, dy, row, dy_rows);
#pragma unroll
    for (int i = 0; i < kRowsOfTwo; ++i) {
      if (row + i >= tile.count) continue;
      float out[N];
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float value = static_cast<float>(x_rows[i].x[j]);
        const float g = norm.passed(norm.y(j, value), static_cast<float>(dy_rows[i].x[j]));
        out[j] = norm.scale[j] * (g - mean_dy[j] - (value - norm.mean[j]) * slope[j]);
      }
      store_parts<A>(dx + tile.index(t, row + i), out);
    }
  }
}

/// Calls f(N, A), constants: N is chosen by the number of channels alone, and with it the order of
/// the sums, so that the bits do not depend on where buffers lie.
template <class T, class F, class... X>
void with_packs(std::int64_t channels, const F& f, const X*... arrays) {
  constexpr std::integral_constant<int, 1> one;
  constexpr std::integral_constant<int, kVectorOf<T>> many;
  if (channels % many() != 0) return f(one, one);
  (is_aligned_for<many()>(arrays) && ...) ? f(many, many) : f(many, one);
}

// ---- the contract -------------------------------------------------------------------------------

float* optional(View v) { return v ? v.as<float>() : nullptr; }

template <int N, int A, class T>
void run_normalise(Stream stream, const Tiling& t, const Parameters& p, const T* x, T* y) {
  launch<normalise<N, A, T>>(t.blocks(), t.threads(), 0, native(stream), t, p, x, y);
}

template <int N, int A, class T>
void run_statistics(Stream stream, const Tiling& t, const T* x, const Statistics& out,
                    View workspace) {
  const auto partial = static_cast<Partial*>(workspace.data);
  launch<tile_moments<N, A, T>>(t.blocks(), t.threads(), 0, native(stream), t, x, partial);
  launch<merge_moments<T>>(static_cast<unsigned>(t.channels), kThreads, 0, native(stream), t, x,
                           static_cast<const Partial*>(partial), out);
}

void train(Stream stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0 || p.channels == 0) return;
  with_f32_or_bf16("batch_norm.train", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    const Statistics statistics = {args.mean.as<float>(),         args.inv_std.as<float>(),
                                   optional(args.running_mean),   optional(args.running_var),
                                   static_cast<float>(p.epsilon), static_cast<float>(p.momentum)};
    const Parameters parameters = {.gamma = args.gamma.as<float>(),
                                   .beta = args.beta.as<float>(),
                                   .mean = statistics.mean,
                                   .inv_std = statistics.inv_std,
                                   .var = nullptr,
                                   .epsilon = 0,
                                   .relu = p.relu};
    const auto run = [&](auto n, auto a) {
      const Tiling t(p, n());
      run_statistics<n(), a()>(stream, t, x, statistics, args.workspace);
      run_normalise<n(), a()>(stream, t, parameters, x, y);
    };
    with_packs<T>(p.channels, run, x, static_cast<const T*>(y));
  });
}

/// dgamma, dbeta and dx, each where it is wanted.
template <int N, int A, class T>
void run_backward(Stream stream, const Tiling& t, const Parameters& parameters, const T* x,
                  const T* dy, View dgamma, View dbeta, T* dx, bool dx_of_sums, View workspace) {
  if (dgamma || dbeta) {
    const auto partial = static_cast<Partial*>(workspace.data);
    if (t.rows > 0) {
      launch<tile_gradients<N, A, T>>(t.blocks(), t.threads(), 0, native(stream), t, parameters, x,
                                      dy, partial);
    }
    launch<merge_gradients>(static_cast<unsigned>(t.channels), kThreads, 0, native(stream), t,
                            parameters, static_cast<const Partial*>(partial), optional(dgamma),
                            optional(dbeta));
  }
  if (!dx || t.rows == 0) return;
  const float* no_sums = nullptr;
  launch<gradient_of_x<N, A, T>>(t.blocks(), t.threads(), 0, native(stream), t, parameters, x, dy,
                                 dx_of_sums ? dgamma.as<float>() : no_sums,
                                 dx_of_sums ? dbeta.as<float>() : no_sums, dx);
}

void train_backward(Stream stream, const BatchNormProblem& p,
                    const BatchNormTrainBackwardArgs& args) {
  if (p.channels == 0) return;
  with_f32_or_bf16("batch_norm.train_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const T* dy = args.dy.as<T>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    const Parameters parameters = {.gamma = args.gamma.as<float>(),
                                   .beta = p.relu ? args.beta.as<float>() : nullptr,
                                   .mean = args.mean.as<float>(),
                                   .inv_std = args.inv_std.as<float>(),
                                   .var = nullptr,
                                   .epsilon = 0,
                                   .relu = p.relu};
    const auto run = [&](auto n, auto a) {
      run_backward<n(), a()>(stream, Tiling(p, n()), parameters, x, dy, args.dgamma, args.dbeta, dx,
                             true, args.workspace);
    };
    with_packs<T>(p.channels, run, x, dy, static_cast<const T*>(dx));
  });
}

void eval(Stream stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  if (p.rows == 0 || p.channels == 0) return;
  with_f32_or_bf16("batch_norm.eval", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    const Parameters parameters = {.gamma = args.gamma.as<float>(),
                                   .beta = args.beta.as<float>(),
                                   .mean = args.running_mean.as<float>(),
                                   .inv_std = nullptr,
                                   .var = args.running_var.as<float>(),
                                   .epsilon = static_cast<float>(p.epsilon),
                                   .relu = false};
    const auto run = [&](auto n, auto a) {
      run_normalise<n(), a()>(stream, Tiling(p, n()), parameters, x, y);
    };
    with_packs<T>(p.channels, run, x, static_cast<const T*>(y));
  });
}

void eval_backward(Stream stream, const BatchNormProblem& p,
                   const BatchNormEvalBackwardArgs& args) {
  if (p.channels == 0) return;
  with_f32_or_bf16("batch_norm.eval_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x ? args.x.as<T>() : nullptr;
    const T* dy = args.dy.as<T>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    const Parameters parameters = {.gamma = args.gamma.as<float>(),
                                   .beta = nullptr,
                                   .mean = args.running_mean.as<float>(),
                                   .inv_std = nullptr,
                                   .var = args.running_var.as<float>(),
                                   .epsilon = static_cast<float>(p.epsilon),
                                   .relu = false};
    const auto run = [&](auto n, auto a) {
      run_backward<n(), a()>(stream, Tiling(p, n()), parameters, x, dy, args.dgamma, args.dbeta, dx,
                             false, args.workspace);
    };
    with_packs<T>(p.channels, run, x, dy, static_cast<const T*>(dx));
  });
}

bool supports(const BatchNormProblem& p) {
  return (p.x_dtype == DType::f32 || p.x_dtype == DType::bf16) && p.stat_dtype == DType::f32;
}
bool supports_without_relu(const BatchNormProblem& p) { return supports(p) && !p.relu; }

std::int64_t workspace_bytes(const BatchNormProblem& p) {
  const int most = p.x_dtype == DType::f32 ? kVectorOf<float> : kVectorOf<BFloat16>;
  const Tiling t(p, p.channels % most == 0 ? most : 1);
  return t.chunks * p.channels * static_cast<std::int64_t>(sizeof(Partial));
}

}  // namespace

void add_batch_norm_register_tiles(Backend& b) {
  const char* name = "register_tiles";
  b.batch_norm.train.add(
      {.name = name, .supports = supports, .workspace_bytes = workspace_bytes, .run = train});
  b.batch_norm.train_backward.add({.name = name,
                                   .supports = supports,
                                   .workspace_bytes = workspace_bytes,
                                   .run = train_backward});
  b.batch_norm.eval.add({.name = name, .supports = supports_without_relu, .run = eval});
  b.batch_norm.eval_backward.add({.name = name,
                                  .supports = supports_without_relu,
                                  .workspace_bytes = workspace_bytes,
                                  .run = eval_backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
