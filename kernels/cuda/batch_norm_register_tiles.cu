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
//
// Here is the forward half; batch_norm_register_tiles_backward.cu has the other.
#include "kernels/cuda/batch_norm_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using namespace batch_norm_tiles;

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
  if (threadIdx.y == 0) leave_partials(t, tile, means, squares, partial);
}

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

/// has_residual, a constant, halves the rows that are asked for at a time: as many registers.
template <int N, int A, bool has_residual, class T>
__global__ void normalise(Tiling t, Parameters p, Epilogue<T> epilogue, const T* x, T* y) {
  constexpr int kSomeRows = has_residual ? kRows / 2 : kRows;
  const Tile<N, A> tile(t, true);
  if (tile.count == 0) return;
#pragma unroll 1
  for (int row = 0; row < kRows; row += kSomeRows) {
    Pack<T, N> rows[kSomeRows], addends[has_residual ? kSomeRows : 1] = {};
    tile.load(t, x, row, rows);
    if constexpr (has_residual) tile.load(t, epilogue.residual, row, addends);
    const Norm<N> norm(p, tile.channel);
#pragma unroll
    for (int i = 0; i < kSomeRows; ++i) {
      if (row + i >= tile.count) continue;
      float out[N];
#pragma unroll
      for (int j = 0; j < N; ++j) {
        out[j] = epilogue(norm(j, static_cast<float>(rows[i].x[j])),
                          static_cast<float>(addends[has_residual ? i : 0].x[j]));
      }
      store_parts<A>(y + tile.index(t, row + i), out);
    }
  }
}

// ---- the contract -------------------------------------------------------------------------------

template <int N, int A, class T>
void run_normalise(Stream stream, const Tiling& t, const Parameters& p, const Epilogue<T>& epilogue,
                   const T* x, T* y) {
  with_presence(epilogue.residual, [&](auto has_residual) {
    launch<normalise<N, A, has_residual(), T>>(t.blocks(), t.threads(), 0, native(stream), t, p,
                                               epilogue, x, y);
  });
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
    const Statistics statistics = {args.mean.as<float>(),
                                   args.inv_std.as<float>(),
                                   optional_floats(args.running_mean),
                                   optional_floats(args.running_var),
                                   static_cast<float>(p.epsilon),
                                   static_cast<float>(p.momentum)};
    const Parameters parameters =
        Parameters::of_batch(args.gamma, args.beta, statistics.mean, statistics.inv_std);
    const Epilogue<T> epilogue(p, args.residual);
    const auto run = [&](auto n, auto a) {
      const Tiling t(p, n());
      run_statistics<n(), a()>(stream, t, x, statistics, args.workspace);
      run_normalise<n(), a()>(stream, t, parameters, epilogue, x, y);
    };
    with_packs<T>(p.channels, run, x, epilogue.residual, static_cast<const T*>(y));
  });
}

void eval(Stream stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  if (p.rows == 0 || p.channels == 0) return;
  with_f32_or_bf16("batch_norm.eval", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    const Parameters parameters =
        Parameters::of_running(p, args.gamma, args.beta, args.running_mean, args.running_var);
    const Epilogue<T> epilogue(p, args.residual);
    const auto run = [&](auto n, auto a) {
      run_normalise<n(), a()>(stream, Tiling(p, n()), parameters, epilogue, x, y);
    };
    with_packs<T>(p.channels, run, x, epilogue.residual, static_cast<const T*>(y));
  });
}

}  // namespace

void add_batch_norm_register_tiles(Backend& b) {
  const char* name = "register_tiles";
  b.batch_norm.train.add({.name = name,
                          .supports = batch_norm_supports,
                          .workspace_bytes = workspace_bytes,
                          .run = train});
  b.batch_norm.eval.add({.name = name, .supports = batch_norm_supports, .run = eval});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
