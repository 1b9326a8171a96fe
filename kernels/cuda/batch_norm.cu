// batch_norm "chunked": the contract of kernels/batch_norm.h. Each function is a reduction over the
// rows (channel_reduce.cuh), an element-wise pass (map_channels), or one after the other.
//
// x, y, dx, dy are f32 or bf16 (T); all else, and all arithmetic, is f32.
//
// Every thread takes mean and variance of its few rows in two passes, the second of which finds
// them in the cache. The results are joined by the formula of Chan, Golub and LeVeque, "Updating
// Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
#include <cmath>

#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/channel_reduce.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

// ---- reductions ---------------------------------------------------------------------------------

struct Moments {
  float count, mean, sum_sq;  // sum_sq of the distances from the mean
};

/// An element as it is computed with.
template <class T>
__device__ float read(const T* x, std::int64_t i) {
  return static_cast<float>(x[i]);
}

/// The normalised x of one channel, relu?((x - mean) * scale + beta).
struct Normalised {
  float mean, scale, beta;
  bool relu;

  __device__ float operator()(float x) const {
    const float y = (x - mean) * scale + beta;
    return relu && y <= 0 ? 0 : y;
  }
};

/// What a channel's dy is on its way back: 0 where the ReLU, if there is one, gave 0. y is made
/// again from x by the same arithmetic.
struct Passed {
  Normalised y;

  __device__ float operator()(float dy, float x) const { return y.relu && y(x) <= 0 ? 0 : dy; }
};

/// The ReLU of train_backward. beta is nullptr where there is none.
struct ReluOf {
  const float* gamma;
  const float* beta;
  const float* mean;
  const float* inv_std;

  __device__ Passed channel(std::int64_t c) const {
    if (!beta) return {};
    return {{mean[c], gamma[c] * inv_std[c], beta[c], true}};
  }
};

/// Mean and variance of each channel, and the running statistics. Values are counted from the
/// channel's first one: the difference of two close numbers is exact, so a channel far from zero
/// loses nothing, where the strips' means at their full size would be rounded before they are
/// compared.
template <class T>
struct Statistics {
  using Value = Moments;
  const T* x;
  float* mean;
  float* inv_std;
  float* running_mean;  // nullptr: left alone
  float* running_var;
  float rows, epsilon, momentum;

  __device__ Value collect(const Strip& strip) const {
    const float first = read(x, strip.channel);
    float count = 0, sum = 0, sum_sq = 0;
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      count += 1;
      sum += read(x, i) - first;
    }
    const float strip_mean = sum / count;
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      const float distance = (read(x, i) - first) - strip_mean;
      sum_sq += distance * distance;
    }
    return {count, strip_mean, sum_sq};
  }
  __device__ Value merge(const Value& a, const Value& b) const {
    const float count = a.count + b.count;
    if (count == 0) return a;
    const float distance = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + distance * share,
            a.sum_sq + b.sum_sq + distance * distance * a.count * share};
  }
  __device__ void finish(const Value& total, std::int64_t c) const {
    const float full_mean = read(x, c) + total.mean;
    mean[c] = full_mean;
    inv_std[c] = 1 / sqrtf(total.sum_sq / rows + epsilon);
    if (running_mean) running_mean[c] += momentum * (full_mean - running_mean[c]);
    if (running_var) running_var[c] += momentum * (total.sum_sq / (rows - 1) - running_var[c]);
  }
};

struct GradientSums {
  float dy, dy_x_hat;
};

/// dbeta and dgamma. The spread of a channel is given as inv_std, or as var (then inv_std is
/// nullptr).
template <class T>
struct AffineGradients {
  using Value = GradientSums;
  const T* x;  // may be nullptr where dgamma is and there is no ReLU
  const T* dy;
  const float* mean;
  const float* inv_std;
  const float* var;
  float epsilon;
  float* dgamma;  // nullptr: not wanted
  float* dbeta;
  ReluOf relu;

  // x_hat's factor inv_std is the same for all of a channel: it is taken in at the end.
  __device__ Value collect(const Strip& strip) const {
    const float centre = mean[strip.channel];
    const Passed passed = relu.channel(strip.channel);
    Value sums{};
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      const float value = x ? read(x, i) : 0, g = passed(read(dy, i), value);
      sums.dy += g;
      sums.dy_x_hat += g * (value - centre);
    }
    return sums;
  }
  __device__ Value merge(const Value& a, const Value& b) const {
    return {a.dy + b.dy, a.dy_x_hat + b.dy_x_hat};
  }
  __device__ void finish(const Value& total, std::int64_t c) const {
    if (dbeta) dbeta[c] = total.dy;
    if (dgamma) {
      dgamma[c] = total.dy_x_hat * (inv_std ? inv_std[c] : 1 / sqrtf(var[c] + epsilon));
    }
  }
};

// ---- element-wise passes ------------------------------------------------------------------------

/// y[i] = pass.channel(c)(i) for every element i of every channel c. What depends on the channel
/// alone is computed once per thread.
template <class Pass, class T>
__global__ void map_channels(Pass pass, T* y, std::int64_t rows, std::int64_t channels) {
  const ChannelTile tile(rows, channels);
  if (tile.channel >= channels) return;
  const auto value = pass.channel(tile.channel);
  for (std::int64_t row = tile.row; row < tile.end_row; row += kRowLanes) {
    const std::int64_t i = row * channels + tile.channel;
    y[i] = static_cast<T>(value(i));
  }
}

template <class Pass, class T>
void map(Stream stream, const BatchNormProblem& p, const Pass& pass, T* y) {
  if (p.rows == 0 || p.channels == 0) return;
  launch<map_channels<Pass, T>>(channel_tiles(p.rows, p.channels), dim3(kChannelLanes, kRowLanes),
                                0, native(stream), pass, y, p.rows, p.channels);
}

/// y = relu?(gamma * (x - mean) * inv_std + beta)
template <class T>
struct Normalise {
  const T* x;
  const float* gamma;
  const float* beta;
  const float* mean;
  const float* inv_std;  // nullptr: from var
  const float* var;
  float epsilon;
  bool relu;

  struct Channel {
    const T* x;
    Normalised normalised;
    __device__ float operator()(std::int64_t i) const { return normalised(read(x, i)); }
  };
  __device__ Channel channel(std::int64_t c) const {
    const float spread = inv_std ? inv_std[c] : 1 / sqrtf(var[c] + epsilon);
    return {x, {mean[c], gamma[c] * spread, beta[c], relu}};
  }
};

/// dx = gamma * inv_std * (dy - dbeta / rows - x_hat * dgamma / rows)
template <class T>
struct TrainDx {
  const T* x;
  const T* dy;
  const float* gamma;
  const float* mean;
  const float* inv_std;
  const float* dgamma;
  const float* dbeta;
  float rows;
  ReluOf relu;

  struct Channel {
    const T* x;
    const T* dy;
    float mean, inv_std, scale, mean_dy, mean_dy_x_hat;
    Passed passed;
    __device__ float operator()(std::int64_t i) const {
      const float value = read(x, i), x_hat = (value - mean) * inv_std;
      return scale * (passed(read(dy, i), value) - mean_dy - x_hat * mean_dy_x_hat);
    }
  };
  __device__ Channel channel(std::int64_t c) const {
    return {x,
            dy,
            mean[c],
            inv_std[c],
            gamma[c] * inv_std[c],
            dbeta[c] / rows,
            dgamma[c] / rows,
            relu.channel(c)};
  }
};

/// dx = gamma / sqrt(var + epsilon) * dy
template <class T>
struct EvalDx {
  const T* dy;
  const float* gamma;
  const float* var;
  float epsilon;

  struct Channel {
    const T* dy;
    float scale;
    __device__ float operator()(std::int64_t i) const { return scale * read(dy, i); }
  };
  __device__ Channel channel(std::int64_t c) const {
    return {dy, gamma[c] / sqrtf(var[c] + epsilon)};
  }
};

// ---- the contract -------------------------------------------------------------------------------

void train(Stream stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0) return;
  with_f32_or_bf16("batch_norm.train", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    float* mean = args.mean.as<float>();
    float* inv_std = args.inv_std.as<float>();
    const float epsilon = static_cast<float>(p.epsilon);
    const Statistics<T> statistics = {.x = x,
                                      .mean = mean,
                                      .inv_std = inv_std,
                                      .running_mean = optional_floats(args.running_mean),
                                      .running_var = optional_floats(args.running_var),
                                      .rows = static_cast<float>(p.rows),
                                      .epsilon = epsilon,
                                      .momentum = static_cast<float>(p.momentum)};
    channel_reduce(native(stream), statistics, p.rows, p.channels, args.workspace.data);
    const Normalise<T> normalise = {.x = x,
                                    .gamma = args.gamma.as<float>(),
                                    .beta = args.beta.as<float>(),
                                    .mean = mean,
                                    .inv_std = inv_std,
                                    .var = nullptr,
                                    .epsilon = epsilon,
                                    .relu = p.relu};
    map(stream, p, normalise, args.y.as<T>());
  });
}

void train_backward(Stream stream, const BatchNormProblem& p,
                    const BatchNormTrainBackwardArgs& args) {
  with_f32_or_bf16("batch_norm.train_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const T* dy = args.dy.as<T>();
    const float* gamma = args.gamma.as<float>();
    const float* mean = args.mean.as<float>();
    const float* inv_std = args.inv_std.as<float>();
    float* dgamma = args.dgamma.as<float>();
    float* dbeta = args.dbeta.as<float>();
    const ReluOf relu = {gamma, p.relu ? args.beta.as<float>() : nullptr, mean, inv_std};
    const AffineGradients<T> gradients = {.x = x,
                                          .dy = dy,
                                          .mean = mean,
                                          .inv_std = inv_std,
                                          .var = nullptr,
                                          .epsilon = 0,
                                          .dgamma = dgamma,
                                          .dbeta = dbeta,
                                          .relu = relu};
    channel_reduce(native(stream), gradients, p.rows, p.channels, args.workspace.data);
    if (!args.dx) return;
    const TrainDx<T> dx = {.x = x,
                           .dy = dy,
                           .gamma = gamma,
                           .mean = mean,
                           .inv_std = inv_std,
                           .dgamma = dgamma,
                           .dbeta = dbeta,
                           .rows = static_cast<float>(p.rows),
                           .relu = relu};
    map(stream, p, dx, args.dx.as<T>());
  });
}

void eval(Stream stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  with_f32_or_bf16("batch_norm.eval", p.x_dtype, [&]<class T>(T) {
    const Normalise<T> normalise = {.x = args.x.as<T>(),
                                    .gamma = args.gamma.as<float>(),
                                    .beta = args.beta.as<float>(),
                                    .mean = args.running_mean.as<float>(),
                                    .inv_std = nullptr,
                                    .var = args.running_var.as<float>(),
                                    .epsilon = static_cast<float>(p.epsilon),
                                    .relu = false};
    map(stream, p, normalise, args.y.as<T>());
  });
}

void eval_backward(Stream stream, const BatchNormProblem& p,
                   const BatchNormEvalBackwardArgs& args) {
  with_f32_or_bf16("batch_norm.eval_backward", p.x_dtype, [&]<class T>(T) {
    const float epsilon = static_cast<float>(p.epsilon);
    const T* dy = args.dy.as<T>();
    const float* var = args.running_var.as<float>();
    // Before dx, which may lie in dy's place.
    if (args.dgamma || args.dbeta) {
      const AffineGradients<T> gradients = {.x = args.x ? args.x.as<T>() : nullptr,
                                            .dy = dy,
                                            .mean = args.running_mean.as<float>(),
                                            .inv_std = nullptr,
                                            .var = var,
                                            .epsilon = epsilon,
                                            .dgamma = optional_floats(args.dgamma),
                                            .dbeta = optional_floats(args.dbeta),
                                            .relu = {}};
      channel_reduce(native(stream), gradients, p.rows, p.channels, args.workspace.data);
    }
    if (!args.dx) return;
    map(stream, p, EvalDx<T>{dy, args.gamma.as<float>(), var, epsilon}, args.dx.as<T>());
  });
}

// The sizes are the same for every T.
std::int64_t statistics_bytes(const BatchNormProblem& p) {
  return channel_reduce_bytes<Statistics<float>>(p.rows, p.channels);
}
std::int64_t gradients_bytes(const BatchNormProblem& p) {
  return channel_reduce_bytes<AffineGradients<float>>(p.rows, p.channels);
}

}  // namespace

void install_batch_norm(Backend& b) {
  add_batch_norm_register_tiles(b);
  add_batch_norm_register_tiles_backward(b);
  b.batch_norm.train.add({.name = "chunked",
                          .supports = batch_norm_supports,
                          .workspace_bytes = statistics_bytes,
                          .run = train});
  b.batch_norm.train_backward.add({.name = "chunked",
                                   .supports = batch_norm_supports,
                                   .workspace_bytes = gradients_bytes,
                                   .run = train_backward});
  b.batch_norm.eval.add({.name = "elementwise", .supports = batch_norm_supports_eval, .run = eval});
  b.batch_norm.eval_backward.add({.name = "chunked",
                                  .supports = batch_norm_supports_eval,
                                  .workspace_bytes = gradients_bytes,
                                  .run = eval_backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
