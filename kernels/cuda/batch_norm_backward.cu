// batch_norm "chunked", the backward half: sums of dy and of dy times x for every channel, then dx.
#include "kernels/cuda/batch_norm_chunked.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using namespace batch_norm_chunked;

/// What of one channel's dy the ReLU lets through.
template <class T>
struct Passed {
  Incoming<T> incoming;
  Norm norm;

  __device__ float operator()(std::int64_t i, float x) const {
    const float y = incoming.y ? read(incoming.y, i) : norm(x);
    const float g = incoming.passed(y, read(incoming.dy, i));
    if (incoming.dresidual) incoming.dresidual[i] = static_cast<T>(g);
    return g;
  }
};

struct GradientSums {
  float dy, dy_x_hat;
};

/// dbeta and dgamma.
template <class T>
struct AffineGradients {
  using Value = GradientSums;
  const T* x;  // may be nullptr where dgamma is
  Incoming<T> incoming;
  Parameters parameters;
  float* dgamma;  // nullptr: not wanted
  float* dbeta;

  // x_hat's factor inv_std is the same for all of a channel: it is taken in at the end.
  __device__ Value collect(const Strip& strip) const {
    const Passed<T> passed = {incoming, Norm(parameters, strip.channel)};
    Value sums{};
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      const float value = x ? read(x, i) : 0, g = passed(i, value);
      sums.dy += g;
      sums.dy_x_hat += g * (value - passed.norm.mean);
    }
    return sums;
  }
  __device__ Value merge(const Value& a, const Value& b) const {
    return {a.dy + b.dy, a.dy_x_hat + b.dy_x_hat};
  }
  __device__ void finish(const Value& total, std::int64_t c) const {
    if (dbeta) dbeta[c] = total.dy;
    if (dgamma) dgamma[c] = total.dy_x_hat * parameters.spread(c);
  }
};

/// dx = gamma * inv_std * (dy - dbeta / rows - x_hat * dgamma / rows)
template <class T>
struct TrainDx {
  const T* x;
  Incoming<T> incoming;
  Parameters parameters;
  const float* dgamma;
  const float* dbeta;
  float rows;

  struct Channel {
    const T* x;
    Passed<T> passed;
    float mean_dy, mean_dy_x_hat;
    __device__ float operator()(std::int64_t i) const {
      const Norm& norm = passed.norm;
      const float value = read(x, i), x_hat = (value - norm.mean) * norm.spread;
      return norm.scale * (passed(i, value) - mean_dy - x_hat * mean_dy_x_hat);
    }
  };
  __device__ Channel channel(std::int64_t c) const {
    return {x, {incoming, Norm(parameters, c)}, dbeta[c] / rows, dgamma[c] / rows};
  }
};

/// dx = gamma / sqrt(var + epsilon) * dy
template <class T>
struct EvalDx {
  Incoming<T> incoming;
  Parameters parameters;

  struct Channel {
    Passed<T> passed;
    __device__ float operator()(std::int64_t i) const { return passed.norm.scale * passed(i, 0); }
  };
  __device__ Channel channel(std::int64_t c) const { return {{incoming, Norm(parameters, c)}}; }
};

void train_backward(Stream stream, const BatchNormProblem& p,
                    const BatchNormTrainBackwardArgs& args) {
  with_f32_or_bf16("batch_norm.train_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const Incoming<T> incoming(p, args, p.residual);
    const auto parameters = Parameters::of_batch(args.gamma, args.beta, args.mean.as<float>(),
                                                 args.inv_std.as<float>());
    float* dgamma = args.dgamma.as<float>();
    float* dbeta = args.dbeta.as<float>();
    channel_reduce(native(stream), AffineGradients<T>{x, incoming, parameters, dgamma, dbeta},
                   p.rows, p.channels, args.workspace.data);
    if (!args.dx) return;
    map(stream, p,
        TrainDx<T>{x, incoming.after_first_pass(), parameters, dgamma, dbeta,
                   static_cast<float>(p.rows)},
        args.dx.as<T>());
  });
}

void eval_backward(Stream stream, const BatchNormProblem& p,
                   const BatchNormEvalBackwardArgs& args) {
  with_f32_or_bf16("batch_norm.eval_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x ? args.x.as<T>() : nullptr;
    Incoming<T> incoming(p, args, true);
    const auto parameters =
        Parameters::of_running(p, args.gamma, {}, args.running_mean, args.running_var);
    // Before dx, which may lie in dy's place.
    if (args.dgamma || args.dbeta) {
      const AffineGradients<T> gradients = {x, incoming, parameters, optional_floats(args.dgamma),
                                            optional_floats(args.dbeta)};
      channel_reduce(native(stream), gradients, p.rows, p.channels, args.workspace.data);
      incoming = incoming.after_first_pass();
    }
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    if (dx || incoming.dresidual) map(stream, p, EvalDx<T>{incoming, parameters}, dx);
  });
}

// The size is the same for every T.
std::int64_t gradients_bytes(const BatchNormProblem& p) {
  return channel_reduce_bytes<AffineGradients<float>>(p.rows, p.channels);
}

}  // namespace

void add_batch_norm_chunked_backward(Backend& b) {
  const char* name = "chunked";
  b.batch_norm.train_backward.add({.name = name,
                                   .supports = batch_norm_supports,
                                   .workspace_bytes = gradients_bytes,
                                   .run = train_backward});
  b.batch_norm.eval_backward.add({.name = name,
                                  .supports = batch_norm_supports,
                                  .workspace_bytes = gradients_bytes,
                                  .run = eval_backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
