// batch_norm "register_tiles", the backward half: sums of dy and of dy times x over each tile, the
// blocks of a channel merged in a second kernel, then dx.
#include "kernels/cuda/batch_norm_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using namespace batch_norm_tiles;

/// Some rows of a tile, all asked for at once: x (nullptr: zeros) and what the ReLU lets through of
/// dy. Where y is read as well, they are fewer: as many registers.
template <int N, int A, bool reads_y, class T>
class Rows {
 public:
  static constexpr int kCount = reads_y ? 2 : 4;

  __device__ Rows(const Tiling& t, const Tile<N, A>& tile, int first, const T* x,
                  const Incoming<T>& incoming) {
    if (x) tile.load(t, x, first, x_);
    tile.load(t, incoming.dy, first, dy_);
    if constexpr (reads_y) tile.load(t, incoming.y, first, y_);
  }
  __device__ float x(int i, int j) const { return static_cast<float>(x_[i].x[j]); }
  /// Row i, which is at `index`; what is let through is left as the residual's gradient, if wanted.
  __device__ void pass(int i, std::int64_t index, const Norm<N>& norm, const Incoming<T>& incoming,
                       float (&g)[N]) const {
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float y = reads_y ? static_cast<float>(y_[reads_y ? i : 0].x[j]) : norm(j, x(i, j));
      g[j] = incoming.passed(y, static_cast<float>(dy_[i].x[j]));
    }
    if (incoming.dresidual) store_parts<A>(incoming.dresidual + index, g);
  }

 private:
  Pack<T, N> x_[kCount] = {}, dy_[kCount], y_[reads_y ? kCount : 1];
};

/// sum(g) and sum(g * (x - mean)) of each chunk, with g what of dy the ReLU lets through. x
/// nullptr: the first alone.
template <int N, int A, bool reads_y, class T>
__global__ void tile_gradients(Tiling t, Parameters p, const T* x, Incoming<T> incoming,
                               Partial* partial) {
  __shared__ float firsts[N][kThreads], seconds[N][kThreads];
  using Some = Rows<N, A, reads_y, T>;
  const Tile<N, A> tile(t, false);
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  float first[N] = {}, second[N] = {};
  if (tile.count > 0) {
    const Norm<N> norm(p, tile.channel);
#pragma unroll 1
    for (int row = 0; row < tile.count; row += Some::kCount) {
      const Some rows(t, tile, row, x, incoming);
#pragma unroll
      for (int i = 0; i < Some::kCount; ++i) {
        if (row + i >= tile.count) continue;
        float g[N];
        rows.pass(i, tile.index(t, row + i), norm, incoming, g);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          first[j] += g[j];
          second[j] += g[j] * (rows.x(i, j) - norm.mean[j]);
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

/// dx = scale * (g - dbeta / rows - x_hat * dgamma / rows); dgamma nullptr: scale * g, x unread. dx
/// nullptr: the residual's gradient alone.
template <int N, int A, bool reads_y, class T>
__global__ void gradient_of_x(Tiling t, Parameters p, const T* x, Incoming<T> incoming,
                              const float* dgamma, const float* dbeta, T* dx) {
  using Some = Rows<N, A, reads_y, T>;
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
  for (int row = 0; row < tile.count; row += Some::kCount) {
    const Some rows(t, tile, row, dgamma ? x : nullptr, incoming);
#pragma unroll
    for (int i = 0; i < Some::kCount; ++i) {
      if (row + i >= tile.count) continue;
      const std::int64_t index = tile.index(t, row + i);
      float g[N], out[N];
      rows.pass(i, index, norm, incoming, g);
      if (!dx) continue;
#pragma unroll
      for (int j = 0; j < N; ++j) {
        out[j] = norm.scale[j] * (g[j] - mean_dy[j] - (rows.x(i, j) - norm.mean[j]) * slope[j]);
      }
      store_parts<A>(dx + index, out);
    }
  }
}

// ---- the contract -------------------------------------------------------------------------------

/// dgamma, dbeta, dx and dresidual, each where it is wanted.
template <int N, int A, class T>
void run_backward(Stream stream, const Tiling& t, const Parameters& parameters, const T* x,
                  Incoming<T> incoming, View dgamma, View dbeta, T* dx, bool dx_of_sums,
                  View workspace) {
  if (dgamma || dbeta) {
    const auto partial = static_cast<Partial*>(workspace.data);
    if (t.rows > 0) {
      with_presence(incoming.y, [&](auto reads_y) {
        launch<tile_gradients<N, A, reads_y(), T>>(t.blocks(), t.threads(), 0, native(stream), t,
                                                   parameters, x, incoming, partial);
      });
    }
    launch<merge_gradients>(static_cast<unsigned>(t.channels), kThreads, 0, native(stream), t,
                            parameters, static_cast<const Partial*>(partial),
                            optional_floats(dgamma), optional_floats(dbeta));
    incoming = incoming.after_first_pass();
  }
  if ((!dx && !incoming.dresidual) || t.rows == 0) return;
  const float* no_sums = nullptr;
  with_presence(incoming.y, [&](auto reads_y) {
    launch<gradient_of_x<N, A, reads_y(), T>>(
        t.blocks(), t.threads(), 0, native(stream), t, parameters, x, incoming,
        dx_of_sums ? dgamma.as<float>() : no_sums, dx_of_sums ? dbeta.as<float>() : no_sums, dx);
  });
}

/// `parameters` are those of training or of evaluation; training's dx has the sums in it, and y
/// among its arguments only beside a residual.
template <class Args>
void backward(Stream stream, const BatchNormProblem& p, const Args& args,
              const Parameters& parameters, bool is_training) {
  if (p.channels == 0) return;
  with_f32_or_bf16(
      is_training ? "batch_norm.train_backward" : "batch_norm.eval_backward", p.x_dtype,
      [&]<class T>(T) {
        const T* x = args.x ? args.x.template as<T>() : nullptr;
        T* dx = args.dx ? args.dx.template as<T>() : nullptr;
        const Incoming<T> incoming(p, args, !is_training || p.residual);
        const auto run = [&](auto n, auto a) {
          run_backward<n(), a()>(stream, Tiling(p, n()), parameters, x, incoming, args.dgamma,
                                 args.dbeta, dx, is_training, args.workspace);
        };
        with_packs<T>(p.channels, run, x, incoming.dy, incoming.y,
                      static_cast<const T*>(incoming.dresidual), static_cast<const T*>(dx));
      });
}

void train_backward(Stream stream, const BatchNormProblem& p,
                    const BatchNormTrainBackwardArgs& args) {
  backward(
      stream, p, args,
      Parameters::of_batch(args.gamma, args.beta, args.mean.as<float>(), args.inv_std.as<float>()),
      true);
}

void eval_backward(Stream stream, const BatchNormProblem& p,
                   const BatchNormEvalBackwardArgs& args) {
  backward(stream, p, args,
           Parameters::of_running(p, args.gamma, {}, args.running_mean, args.running_var), false);
}

}  // namespace

void add_batch_norm_register_tiles_backward(Backend& b) {
  const char* name = "register_tiles";
  b.batch_norm.train_backward.add({.name = name,
                                   .supports = batch_norm_supports,
                                   .workspace_bytes = workspace_bytes,
                                   .run = train_backward});
  b.batch_norm.eval_backward.add({.name = name,
                                  .supports = batch_norm_supports,
                                  .workspace_bytes = workspace_bytes,
                                  .run = eval_backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
