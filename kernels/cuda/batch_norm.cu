// batch_norm: the contract of kernels/batch_norm.h. Each function is a reduction over the
// rows (channel_reduce.cuh), an element-wise pass (map_channels), or one after the other.
//
// Every thread takes mean and variance of its few rows in two passes, the second of which finds
// them in the cache. The results are joined by the formula of Chan, Golub and LeVeque, "Updating
// Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
#include <cmath>

#include "kernels/cuda/channel_reduce.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

// ---- reductions ---------------------------------------------------------------------------------

struct Moments {
  float count, mean, sum_sq;  // sum_sq of the distances from the mean
};

/// Mean and variance of each channel, and the running statistics. Values are counted from the
/// channel's first one: the difference of two close numbers is exact, so a channel far from zero
/// loses nothing, where the strips' means at their full size would be rounded before they are
/// compared.
struct Statistics {
  using Value = Moments;
  const float* x;
  float* mean;
  float* inv_std;
  float* running_mean;  // nullptr: left alone
  float* running_var;
  float rows, epsilon, momentum;

  __device__ Value collect(const Strip& strip) const {
    const float first = x[strip.channel];
    float count = 0, sum = 0, sum_sq = 0;
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      count += 1;
      sum += x[i] - first;
    }
    const float strip_mean = sum / count;
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      const float distance = (x[i] - first) - strip_mean;
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
    const float full_mean = x[c] + total.mean;
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
struct AffineGradients {
  using Value = GradientSums;
  const float* x;
  const float* dy;
  const float* mean;
  const float* inv_std;
  const float* var;
  float epsilon;
  float* dgamma;  // nullptr: not wanted
  float* dbeta;

  // x_hat's factor inv_std is the same for all of a channel: it is taken in at the end.
  __device__ Value collect(const Strip& strip) const {
    const float centre = mean[strip.channel];
    Value sums{};
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      sums.dy += dy[i];
      sums.dy_x_hat += dy[i] * (x[i] - centre);
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
template <class Pass>
__global__ void map_channels(Pass pass, float* y, std::int64_t rows, std::int64_t channels) {
  const ChannelTile tile(rows, channels);
  if (tile.channel >= channels) return;
  const auto value = pass.channel(tile.channel);
  for (std::int64_t row = tile.row; row < tile.end_row; row += kRowLanes) {
    const std::int64_t i = row * channels + tile.channel;
    y[i] = value(i);
  }
}

template <class Pass>
void map(Stream stream, const BatchNormProblem& p, const Pass& pass, float* y) {
  if (p.rows == 0 || p.channels == 0) return;
  launch<map_channels<Pass>>(channel_tiles(p.rows, p.channels), dim3(kChannelLanes, kRowLanes), 0,
                             native(stream), pass, y, p.rows, p.channels);
}

/// y = gamma * (x - mean) * inv_std + beta
struct Normalise {
  const float* x;
  const float* gamma;
  const float* beta;
  const float* mean;
  const float* inv_std;  // nullptr: from var
  const float* var;
  float epsilon;

  struct Channel {
    const float* x;
    float mean, scale, beta;
    __device__ float operator()(std::int64_t i) const { return (x[i] - mean) * scale + beta; }
  };
  __device__ Channel channel(std::int64_t c) const {
    const float spread = inv_std ? inv_std[c] : 1 / sqrtf(var[c] + epsilon);
    return {x, mean[c], gamma[c] * spread, beta[c]};
  }
};

/// dx = gamma * inv_std * (dy - dbeta / rows - x_hat * dgamma / rows)
struct TrainDx {
  const float* x;
  const float* dy;
  const float* gamma;
  const float* mean;
  const float* inv_std;
  const float* dgamma;
  const float* dbeta;
  float rows;

  struct Channel {
    const float* x;
    const float* dy;
    float mean, inv_std, scale, mean_dy, mean_dy_x_hat;
    __device__ float operator()(std::int64_t i) const {
      const float x_hat = (x[i] - mean) * inv_std;
      return scale * (dy[i] - mean_dy - x_hat * mean_dy_x_hat);
    }
  };
  __device__ Channel channel(std::int64_t c) const {
    return {x, dy, mean[c], inv_std[c], gamma[c] * inv_std[c], dbeta[c] / rows, dgamma[c] / rows};
  }
};

/// dx = gamma / sqrt(var + epsilon) * dy
struct EvalDx {
  const float* dy;
  const float* gamma;
  const float* var;
  float epsilon;

  struct Channel {
    const float* dy;
    float scale;
    __device__ float operator()(std::int64_t i) const { return scale * dy[i]; }
  };
  __device__ Channel channel(std::int64_t c) const {
    return {dy, gamma[c] / sqrtf(var[c] + epsilon)};
  }
};

// ---- the contract -------------------------------------------------------------------------------

float* optional(View v) { return v ? v.as<float>() : nullptr; }

void train(Stream stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0) return;
  const float epsilon = static_cast<float>(p.epsilon);
  const Statistics statistics = {args.x.as<float>(),
                                 args.mean.as<float>(),
                                 args.inv_std.as<float>(),
                                 optional(args.running_mean),
                                 optional(args.running_var),
                                 static_cast<float>(p.rows),
                                 epsilon,
                                 static_cast<float>(p.momentum)};
  channel_reduce(native(stream), statistics, p.rows, p.channels, args.workspace.data);
  const Normalise normalise = {args.x.as<float>(),
                               args.gamma.as<float>(),
                               args.beta.as<float>(),
                               args.mean.as<float>(),
                               args.inv_std.as<float>(),
                               nullptr,
                               epsilon};
  map(stream, p, normalise, args.y.as<float>());
}

void train_backward(Stream stream, const BatchNormProblem& p,
                    const BatchNormTrainBackwardArgs& args) {
  const AffineGradients gradients = {args.x.as<float>(),
                                     args.dy.as<float>(),
                                     args.mean.as<float>(),
                                     args.inv_std.as<float>(),
                                     nullptr,
                                     0,
                                     args.dgamma.as<float>(),
                                     args.dbeta.as<float>()};
  channel_reduce(native(stream), gradients, p.rows, p.channels, args.workspace.data);
  if (!args.dx) return;
  const TrainDx dx = {args.x.as<float>(),     args.dy.as<float>(),       args.gamma.as<float>(),
                      args.mean.as<float>(),  args.inv_std.as<float>(),  args.dgamma.as<float>(),
                      args.dbeta.as<float>(), static_cast<float>(p.rows)};
  map(stream, p, dx, args.dx.as<float>());
}

void eval(Stream stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  const Normalise normalise = {args.x.as<float>(),
                               args.gamma.as<float>(),
                               args.beta.as<float>(),
                               args.running_mean.as<float>(),
                               nullptr,
                               args.running_var.as<float>(),
                               static_cast<float>(p.epsilon)};
  map(stream, p, normalise, args.y.as<float>());
}

void eval_backward(Stream stream, const BatchNormProblem& p,
                   const BatchNormEvalBackwardArgs& args) {
  const float epsilon = static_cast<float>(p.epsilon);
  const float* var = args.running_var.as<float>();
  // Before dx, which may lie in dy's place.
  if (args.dgamma || args.dbeta) {
    const AffineGradients gradients = {args.x.as<float>(),
                                       args.dy.as<float>(),
                                       args.running_mean.as<float>(),
                                       nullptr,
                                       var,
                                       epsilon,
                                       optional(args.dgamma),
                                       optional(args.dbeta)};
    channel_reduce(native(stream), gradients, p.rows, p.channels, args.workspace.data);
  }
  if (!args.dx) return;
  map(stream, p, EvalDx{args.dy.as<float>(), args.gamma.as<float>(), var, epsilon},
      args.dx.as<float>());
}

bool supports(const BatchNormProblem& p) {
  return p.x_dtype == DType::f32 && p.stat_dtype == DType::f32;
}

std::int64_t statistics_bytes(const BatchNormProblem& p) {
  return channel_reduce_bytes<Statistics>(p.rows, p.channels);
}
std::int64_t gradients_bytes(const BatchNormProblem& p) {
  return channel_reduce_bytes<AffineGradients>(p.rows, p.channels);
}

}  // namespace

void install_batch_norm(Backend& b) {
  b.batch_norm.train.add(
      {.name = "chunked", .supports = supports, .workspace_bytes = statistics_bytes, .run = train});
  b.batch_norm.train_backward.add({.name = "chunked",
                                   .supports = supports,
                                   .workspace_bytes = gradients_bytes,
                                   .run = train_backward});
  b.batch_norm.eval.add({.name = "elementwise", .supports = supports, .run = eval});
  b.batch_norm.eval_backward.add({.name = "chunked",
                                  .supports = supports,
                                  .workspace_bytes = gradients_bytes,
                                  .run = eval_backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
