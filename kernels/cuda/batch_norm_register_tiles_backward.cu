// batch_norm "register_tiles", the backward half: sums of dy and of dy times x over each tile, the
// blocks of a channel merged in a second kernel, then dx.
#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/batch_norm_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using namespace batch_norm_tiles;

constexpr int kRowsOfTwo = 4;  // at a time where x and dy both are wanted: twice the registers

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
  if (threadIdx.y == 0) leave_partials(t, tile, firsts, seconds, partial);
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

// ---- the contract -------------------------------------------------------------------------------

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
                            parameters, static_cast<const Partial*>(partial),
                            optional_floats(dgamma), optional_floats(dbeta));
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
    const Parameters parameters =
        Parameters::of_batch(args.gamma, p.relu ? args.beta : ConstView{}, args.mean.as<float>(),
                             args.inv_std.as<float>(), p.relu);
    const auto run = [&](auto n, auto a) {
      run_backward<n(), a()>(stream, Tiling(p, n()), parameters, x, dy, args.dgamma, args.dbeta, dx,
                             true, args.workspace);
    };
    with_packs<T>(p.channels, run, x, dy, static_cast<const T*>(dx));
  });
}

void eval_backward(Stream stream, const BatchNormProblem& p,
                   const BatchNormEvalBackwardArgs& args) {
  if (p.channels == 0) return;
  with_f32_or_bf16("batch_norm.eval_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x ? args.x.as<T>() : nullptr;
    const T* dy = args.dy.as<T>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    const Parameters parameters =
        Parameters::of_running(p, args.gamma, ConstView{}, args.running_mean, args.running_var);
    const auto run = [&](auto n, auto a) {
      run_backward<n(), a()>(stream, Tiling(p, n()), parameters, x, dy, args.dgamma, args.dbeta, dx,
                             false, args.workspace);
    };
    with_packs<T>(p.channels, run, x, dy, static_cast<const T*>(dx));
  });
}

}  // namespace

void add_batch_norm_register_tiles_backward(Backend& b) {
  const char* name = "register_tiles";
  b.batch_norm.train_backward.add({.name = name,
                                   .supports = batch_norm_supports,
                                   .workspace_bytes = workspace_bytes,
                                   .run = train_backward});
  b.batch_norm.eval_backward.add({.name = name,
                                  .supports = batch_norm_supports_eval,
                                  .workspace_bytes = workspace_bytes,
                                  .run = eval_backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
