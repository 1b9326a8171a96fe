// batch_norm "naive": the contract of kernels/batch_norm.h, channel by channel. Each channel is one
// column of x, element (i, c) at i * channels + c.
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

bool supports(const BatchNormProblem& p) {
  const bool is_float = p.x_dtype == DType::f32 || p.x_dtype == DType::f64;
  return is_float && p.stat_dtype == p.x_dtype;
}

void train(Stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0) return;
  with_float("batch_norm.train", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const T* gamma = args.gamma.as<T>();
    const T* beta = args.beta.as<T>();
    T* y = args.y.as<T>();
    T* mean_out = args.mean.as<T>();
    T* inv_std_out = args.inv_std.as<T>();
    T* running_mean = args.running_mean ? args.running_mean.as<T>() : nullptr;
    T* running_var = args.running_var ? args.running_var.as<T>() : nullptr;
    const T rows = static_cast<T>(p.rows), momentum = static_cast<T>(p.momentum);

    for (std::int64_t c = 0; c < p.channels; ++c) {
      T sum = 0, sum_sq = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) sum += x[i * p.channels + c];
      const T mean = sum / rows;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const T centred = x[i * p.channels + c] - mean;
        sum_sq += centred * centred;
      }
      const T inv_std = 1 / std::sqrt(sum_sq / rows + static_cast<T>(p.epsilon));
      for (std::int64_t i = 0; i < p.rows; ++i) {
        y[i * p.channels + c] = gamma[c] * (x[i * p.channels + c] - mean) * inv_std + beta[c];
      }
      mean_out[c] = mean;
      inv_std_out[c] = inv_std;
      if (running_mean) running_mean[c] += momentum * (mean - running_mean[c]);
      if (running_var) running_var[c] += momentum * (sum_sq / (rows - 1) - running_var[c]);
    }
  });
}

void train_backward(Stream, const BatchNormProblem& p, const BatchNormTrainBackwardArgs& args) {
  with_float("batch_norm.train_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const T* dy = args.dy.as<T>();
    const T* gamma = args.gamma.as<T>();
    const T* mean = args.mean.as<T>();
    const T* inv_std = args.inv_std.as<T>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    T* dgamma = args.dgamma.as<T>();
    T* dbeta = args.dbeta.as<T>();
    const T rows = static_cast<T>(p.rows);

    for (std::int64_t c = 0; c < p.channels; ++c) {
      const auto x_hat = [&](std::int64_t k) { return (x[k] - mean[c]) * inv_std[c]; };
      T sum_dy = 0, sum_dy_x_hat = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        sum_dy += dy[k];
        sum_dy_x_hat += dy[k] * x_hat(k);
      }
      dbeta[c] = sum_dy;
      dgamma[c] = sum_dy_x_hat;
      for (std::int64_t i = 0; dx && i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        dx[k] = gamma[c] * inv_std[c] * (dy[k] - sum_dy / rows - x_hat(k) * (sum_dy_x_hat / rows));
      }
    }
  });
}

void eval(Stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  with_float("batch_norm.eval", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    const T* gamma = args.gamma.as<T>();
    const T* beta = args.beta.as<T>();
    const T* running_mean = args.running_mean.as<T>();
    const T* running_var = args.running_var.as<T>();
    T* y = args.y.as<T>();
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const T inv_std = 1 / std::sqrt(running_var[c] + static_cast<T>(p.epsilon));
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        y[k] = gamma[c] * (x[k] - running_mean[c]) * inv_std + beta[c];
      }
    }
  });
}

void eval_backward(Stream, const BatchNormProblem& p, const BatchNormEvalBackwardArgs& args) {
  with_float("batch_norm.eval_backward", p.x_dtype, [&]<class T>(T) {
    const T* x = args.x ? args.x.as<T>() : nullptr;
    const T* dy = args.dy.as<T>();
    const T* gamma = args.gamma.as<T>();
    const T* running_mean = args.running_mean.as<T>();
    const T* running_var = args.running_var.as<T>();
    T* dx = args.dx ? args.dx.as<T>() : nullptr;
    T* dgamma = args.dgamma ? args.dgamma.as<T>() : nullptr;
    T* dbeta = args.dbeta ? args.dbeta.as<T>() : nullptr;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const T inv_std = 1 / std::sqrt(running_var[c] + static_cast<T>(p.epsilon));
      T sum_dy = 0, sum_dy_x_hat = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        sum_dy += dy[k];
        if (dgamma) sum_dy_x_hat += dy[k] * (x[k] - running_mean[c]) * inv_std;
        if (dx) dx[k] = gamma[c] * inv_std * dy[k];
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
  b.batch_norm.eval.add({.name = "naive", .supports = supports, .run = eval});
  b.batch_norm.eval_backward.add({.name = "naive", .supports = supports, .run = eval_backward});
}

}  // namespace tl::ref
