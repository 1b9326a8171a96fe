// batch_norm "naive": the contract of kernels/batch_norm.h, channel by channel. Each channel is one
// column of x, element (i, c) at i * channels + c.
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

bool supports(const BatchNormProblem& p) {
  return is_float(p.x_dtype) && p.stat_dtype == parameter_dtype(p.x_dtype) && !p.residual;
}

bool supports_without_relu(const BatchNormProblem& p) { return supports(p) && !p.relu; }

void train(Stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0) return;
  with_float_or_bf16("batch_norm.train", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;  // of the statistics as well
    const T* x = args.x.as<T>();
    const A* gamma = args.gamma.as<A>();
    const A* beta = args.beta.as<A>();
    T* y = args.y.as<T>();
    A* mean_out = args.mean.as<A>();
    A* inv_std_out = args.inv_std.as<A>();
    A* running_mean = args.running_mean ? args.running_mean.as<A>() : nullptr;
    A* running_var = args.running_var ? args.running_var.as<A>() : nullptr;
    const A rows = static_cast<A>(p.rows), momentum = static_cast<A>(p.momentum);

    for (std::int64_t c = 0; c < p.channels; ++c) {
      A sum = 0, sum_sq = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) sum += x[i * p.channels + c];
      const A mean = sum / rows;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const A centred = x[i * p.channels + c] - mean;
        sum_sq += centred * centred;
      }
      const A inv_std = 1 / std::sqrt(sum_sq / rows + static_cast<A>(p.epsilon));
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        const A value = gamma[c] * (x[k] - mean) * inv_std + beta[c];
        y[k] = static_cast<T>(p.relu && value <= 0 ? A{0} : value);
      }
      mean_out[c] = mean;
      inv_std_out[c] = inv_std;
      if (running_mean) running_mean[c] += momentum * (mean - running_mean[c]);
      if (running_var) running_var[c] += momentum * (sum_sq / (rows - 1) - running_var[c]);
    }
  });
}

void train_backward(Stream, const BatchNormProblem& p, const BatchNormTrainBackwardArgs& args) {
  with_float_or_bf16("batch_norm.train_backward", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;  // of the statistics as well
    const T* x = args.x.as<T>();
    const T* dy = args.dy.as<T>();
    const A* gamma = args.gamma.as<A>();
    const A* mean = args.mean.as<A>();
    const A* inv_std = args.inv_std.as<A>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    A* dgamma = args.dgamma.as<A>();
    A* dbeta = args.dbeta.as<A>();
    const A* beta = p.relu ? args.beta.as<A>() : nullptr;
    const A rows = static_cast<A>(p.rows);

    for (std::int64_t c = 0; c < p.channels; ++c) {
      // dy, or 0 where the ReLU gave 0.
      const auto passed = [&](std::int64_t k) {
        const bool stopped = beta && gamma[c] * (x[k] - mean[c]) * inv_std[c] + beta[c] <= 0;
        return stopped ? A{0} : A{dy[k]};
      };
      const auto x_hat = [&](std::int64_t k) { return (x[k] - mean[c]) * inv_std[c]; };
      A sum_dy = 0, sum_dy_x_hat = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        sum_dy += passed(k);
        sum_dy_x_hat += passed(k) * x_hat(k);
      }
      dbeta[c] = sum_dy;
      dgamma[c] = sum_dy_x_hat;
      for (std::int64_t i = 0; dx && i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        const A centred = passed(k) - sum_dy / rows - x_hat(k) * (sum_dy_x_hat / rows);
        dx[k] = static_cast<T>(gamma[c] * inv_std[c] * centred);
      }
    }
  });
}

void eval(Stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  with_float_or_bf16("batch_norm.eval", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;  // of the statistics as well
    const T* x = args.x.as<T>();
    const A* gamma = args.gamma.as<A>();
    const A* beta = args.beta.as<A>();
    const A* running_mean = args.running_mean.as<A>();
    const A* running_var = args.running_var.as<A>();
    T* y = args.y.as<T>();
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const A inv_std = 1 / std::sqrt(running_var[c] + static_cast<A>(p.epsilon));
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        y[k] = static_cast<T>(gamma[c] * (x[k] - running_mean[c]) * inv_std + beta[c]);
      }
    }
  });
}

void eval_backward(Stream, const BatchNormProblem& p, const BatchNormEvalBackwardArgs& args) {
  with_float_or_bf16("batch_norm.eval_backward", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;  // of the statistics as well
    const T* x = args.x ? args.x.as<T>() : nullptr;
    const T* dy = args.dy.as<T>();
    const A* gamma = args.gamma.as<A>();
    const A* running_mean = args.running_mean.as<A>();
    const A* running_var = args.running_var.as<A>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    A* dgamma = args.dgamma ? args.dgamma.as<A>() : nullptr;
    A* dbeta = args.dbeta ? args.dbeta.as<A>() : nullptr;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const A inv_std = 1 / std::sqrt(running_var[c] + static_cast<A>(p.epsilon));
      A sum_dy = 0, sum_dy_x_hat = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        sum_dy += dy[k];
        if (dgamma) sum_dy_x_hat += dy[k] * (x[k] - running_mean[c]) * inv_std;
        if (dx) dx[k] = static_cast<T>(gamma[c] * inv_std * dy[k]);
      }
      if (dbeta) dbeta[c] = sum_dy;
      if (dgamma) dgamma[c] = sum_dy_x_hat;
    }
  });
}

}  // namespace

void install_batch_norm(Backend& b) {
  b.batch_norm.train.add({.name = "naive", .supports = supports, .run = train});
  b.batch_norm.train_backward.add({.name = "naive", .supports = supports, .run = train_backward});
  b.batch_norm.eval.add({.name = "naive", .supports = supports_without_relu, .run = eval});
  b.batch_norm.eval_backward.add(
      {.name = "naive", .supports = supports_without_relu, .run = eval_backward});
}

}  // namespace tl::ref
