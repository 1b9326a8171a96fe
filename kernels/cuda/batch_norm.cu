// batch_norm "chunked": the contract of kernels/batch_norm.h. Each function is a reduction over the
// rows (channel_reduce.cuh), an element-wise pass (map_channels), or one after the other.
//
// x, y, dx, dy are f32 or bf16 (T); all else, and all arithmetic, is f32.
//
// Every thread takes mean and variance of its few rows in two passes, the second of which finds
// them in the cache. The results are joined by the formula of Chan, Golub and LeVeque, "Updating
// Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
//
// Here is the forward half; batch_norm_backward.cu has the other.
#include "kernels/cuda/batch_norm_chunked.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using namespace batch_norm_chunked;

struct Moments {
  float count, mean, sum_sq;  // sum_sq of the distances from the mean
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

/// y = relu?(gamma * (x - mean) * inv_std + beta + residual?)
template <class T>
struct Normalise {
  const T* x;
  Parameters parameters;
  Epilogue<T> epilogue;

  struct Channel {
    const T* x;
    Norm norm;
    Epilogue<T> epilogue;
    __device__ float operator()(std::int64_t i) const {
      return epilogue(norm(read(x, i)), epilogue.residual ? read(epilogue.residual, i) : 0);
    }
  };
  __device__ Channel channel(std::int64_t c) const { return {x, Norm(parameters, c), epilogue}; }
};

void train(Stream stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0) return;
  with_f32_or_bf16("batch_norm.train", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const Statistics<T> statistics = {.x = x,
                                      .mean = args.mean.as<float>(),
                                      .inv_std = args.inv_std.as<float>(),
                                      .running_mean = optional_floats(args.running_mean),
                                      .running_var = optional_floats(args.running_var),
                                      .rows = static_cast<float>(p.rows),
                                      .epsilon = static_cast<float>(p.epsilon),
                                      .momentum = static_cast<float>(p.momentum)};
    channel_reduce(native(stream), statistics, p.rows, p.channels, args.workspace.data);
    const auto parameters =
        Parameters::of_batch(args.gamma, args.beta, statistics.mean, statistics.inv_std);
    map(stream, p, Normalise<T>{x, parameters, {p, args.residual}}, args.y.as<T>());
  });
}

void eval(Stream stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  with_f32_or_bf16("batch_norm.eval", p.x_dtype, [&]<class T>(T) {
    const auto parameters =
        Parameters::of_running(p, args.gamma, args.beta, args.running_mean, args.running_var);
    map(stream, p, Normalise<T>{args.x.as<T>(), parameters, {p, args.residual}}, args.y.as<T>());
  });
}

// The size is the same for every T.
std::int64_t statistics_bytes(const BatchNormProblem& p) {
  return channel_reduce_bytes<Statistics<float>>(p.rows, p.channels);
}

}  // namespace

void install_batch_norm(Backend& b) {
  add_batch_norm_register_tiles(b);
  add_batch_norm_register_tiles_backward(b);
  b.batch_norm.train.add({.name = "chunked",
                          .supports = batch_norm_supports,
                          .workspace_bytes = statistics_bytes,
                          .run = train});
  b.batch_norm.eval.add({.name = "elementwise", .supports = batch_norm_supports, .run = eval});
  add_batch_norm_chunked_backward(b);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
