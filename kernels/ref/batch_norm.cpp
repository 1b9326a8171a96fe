// batch_norm "naive": the contract of kernels/batch_norm.h, channel by channel. Each channel is one
// column of x, element (i, c) at i * channels + c.
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

bool supports(const BatchNormProblem& p) {
  return is_float(p.x_dtype) && p.stat_dtype == parameter_dtype(p.x_dtype);
}

/// What is stored of the norm's value at k: relu?(value + residual?).
template <class T>
class Epilogue {
 public:
  Epilogue(const BatchNormProblem& p, ConstView residual)
      : residual_(p.residual ? residual.as<T>() : nullptr), relu_(p.relu) {}
  T operator()(Arithmetic<T> value, std::int64_t k) const {
    if (residual_) value += residual_[k];
    return static_cast<T>(relu_ && value <= 0 ? 0 : value);
  }

 private:
  const T* residual_;
  bool relu_;
};

void train(Stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0) return;
  with_float_or_bf16("batch_norm.train", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;  // of the statistics as well
    const T* x = args.x.as<T>();
    const A* gamma = args.gamma.as<A>();
    const A* beta = args.beta.as<A>();
    T* y = args.y.as<T>();
    const Epilogue<T> epilogue(p, args.residual);
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
        y[k] = epilogue(gamma[c] * (x[k] - mean) * inv_std + beta[c], k);
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
    const A* beta = p.relu && !p.residual ? args.beta.as<A>() : nullptr;
    const T* y = p.relu && p.residual ? args.y.as<T>() : nullptr;
    T* dresidual = args.dresidual ? args.dresidual.as<T>() : nullptr;
    const A rows = static_cast<A>(p.rows);

    for (std::int64_t c = 0; c < p.channels; ++c) {
      // dy, or 0 where the ReLU gave 0.
      const auto passed = [&](std::int64_t k) {
        const bool stopped =
            beta ? gamma[c] * (x[k] - mean[c]) * inv_std[c] + beta[c] <= 0 : y && y[k] <= 0;
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
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        const A g = passed(k);  // before dx or dresidual, which may lie in dy's place
        const A centred = g - sum_dy / rows - x_hat(k) * (sum_dy_x_hat / rows);
        if (dx) dx[k] = static_cast<T>(gamma[c] * inv_std[c] * centred);
        if (dresidual) dresidual[k] = static_cast<T>(g);
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
    const Epilogue<T> epilogue(p, args.residual);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const A inv_std = 1 / std::sqrt(running_var[c] + static_cast<A>(p.epsilon));
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        y[k] = epilogue(gamma[c] * (x[k] - running_mean[c]) * inv_std + beta[c], k);
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
    const T* y = p.relu ? args.y.as<T>() : nullptr;
    T* dresidual = args.dresidual ? args.dresidual.as<T>() : nullptr;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const A inv_std = 1 / std::sqrt(running_var[c] + static_cast<A>(p.epsilon));
      A sum_dy = 0, sum_dy_x_hat = 0;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        const std::int64_t k = i * p.channels + c;
        const A g = y && y[k] <= 0 ? A{0} : A{dy[k]};
        sum_dy += g;
        if (dgamma) sum_dy_x_hat += g * (x[k] - running_mean[c]) * inv_std;
        if (dx) dx[k] = static_cast<T>(gamma[c] * inv_std * g);
        if (dresidual) dresidual[k] = static_cast<T>(g);
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
