// batch_norm "chunked": x [rows, channels] is cut into chunks of rows; channels are vector lanes.
//
//   train            per chunk: mean, then sum of squared distances to it, while the chunk is in
//                    the cache; the chunks are merged (Chan et al. 1979); one pass applies
//   train_backward   per chunk: sum(dy) and sum(dy * (x - mean)); merged; one pass writes dx
//   eval(_backward)  the same apply pass and the same sums, with constant statistics
//
// So x is read from memory twice forward, and x and dy twice backward. Sums of chunks merge in f64
// in chunk order: there are few of them, and it costs nothing to lose nothing.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/batch_norm.cpp"
#include "hwy/foreach_target.h"
//
#include <bit>
#include <cmath>

#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

using Shape = BatchNormProblem;

/// At most 1024 rows, the longest chain of additions in f32, and a power of two, by which a chunk's
/// mean is divided without rounding.
std::int64_t chunk_rows(const Shape& p) {
  const std::int64_t most = std::min<std::int64_t>(1024, rows_per_chunk(p.channels));
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(most)));
}
std::int64_t chunk_count(const Shape& p) { return chunks_of(p.rows, chunk_rows(p)); }

/// Workspace: two sums per chunk and channel, then three factors per channel.
struct Workspace {
  std::int64_t channels;
  float* sums;
  float* factors;

  Workspace(const Shape& p, const View& view)
      : channels(p.channels),
        sums(static_cast<float*>(view.data)),
        factors(sums + chunk_count(p) * 2 * p.channels) {}

  float* sum(std::int64_t chunk, int k) const { return sums + (chunk * 2 + k) * channels; }
  float* factor(int k) const { return factors + k * channels; }
};

std::int64_t workspace_bytes(const Shape& p) {
  return (chunk_count(p) * 2 + 3) * p.channels * static_cast<std::int64_t>(sizeof(float));
}

float inv_std_of(float variance, double epsilon) {
  return 1 / std::sqrt(variance + static_cast<float>(epsilon));
}

/// Calls body(d, index, channel) for all of x, row after row.
template <class Body>
void for_each_element(const Shape& p, const Body& body) {
  parallel_ranges(p.rows, rows_per_chunk(p.channels), [&](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t first = row * p.channels;
      for_each_vector({0, p.channels}, [&](auto d, std::int64_t c) { body(d, first + c, c); });
    }
  });
}

/// factor * (x - mean) + beta. Subtracting first keeps the digits of a mean far from 0.
struct Normalise {
  const float* x;
  const float* mean;
  const float* factor;
  const float* beta;

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t c) const {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
    return hn::MulAdd(hn::LoadU(d, factor + c), centred, hn::LoadU(d, beta + c));
  }
};

/// value, or 0 where y <= 0. A NaN in y stops nothing.
template <class V>
V unless_stopped(V y, V value) {
  const hn::DFromV<V> d;
  return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), value);
}

/// y = relu?(normalised x)
void apply(const Shape& p, const Normalise& normalise, float* y) {
  for_each_element(p, [&p, normalise, y](auto d, std::int64_t i, std::int64_t c) {
    const auto value = normalise(d, i, c);
    hn::StoreU(p.relu ? unless_stopped(value, value) : value, d, y + i);
  });
}

/// Chunk statistics: sum(chunk, 0) = mean, sum(chunk, 1) = sum((x - mean)^2), over its own rows.
void chunk_statistics(const Shape& p, const float* x, const Workspace& ws) {
  parallel_for(chunk_count(p), [&](std::int64_t chunk, int) {
    const Range rows = chunk_range(p.rows, chunk_rows(p), chunk);
    float* mean = ws.sum(chunk, 0);
    sum_columns<1>(
        rows, p.channels,
        [=](auto d, std::int64_t i, std::int64_t) { return std::array{hn::LoadU(d, x + i)}; },
        {mean});
    const float size = static_cast<float>(rows.size());
    for_each_vector({0, p.channels}, [=](auto d, std::int64_t c) {
      hn::StoreU(hn::Div(hn::LoadU(d, mean + c), hn::Set(d, size)), d, mean + c);
    });
    sum_columns<1>(rows, p.channels,
                   [=](auto d, std::int64_t i, std::int64_t c) {
                     const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
                     return std::array{hn::Mul(centred, centred)};
                   },
                   {ws.sum(chunk, 1)});
  });
}

/// With n_k rows, mean m_k and squares s_k in chunk k:
///   mean = sum(n_k * m_k) / rows         squares = sum(s_k + n_k * (m_k - mean)^2)
void merge_statistics(const Shape& p, const Workspace& ws, float* mean_out, float* squares_out) {
  const std::int64_t chunks = chunk_count(p);
  const auto weight = [&](std::int64_t chunk) {
    return static_cast<double>(chunk_range(p.rows, chunk_rows(p), chunk).size());
  };
  for_each_vector<double>({0, p.channels}, [&](auto d, std::int64_t c) {
    const hn::Rebind<float, decltype(d)> narrow;
    const auto load = [&](std::int64_t chunk, int k) {
      return hn::PromoteTo(d, hn::LoadU(narrow, ws.sum(chunk, k) + c));
    };
    auto mean = hn::Zero(d);
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      mean = hn::MulAdd(hn::Set(d, weight(chunk)), load(chunk, 0), mean);
    }
    mean = hn::Div(mean, hn::Set(d, static_cast<double>(p.rows)));
    auto squares = hn::Zero(d);
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      const auto distance = hn::Sub(load(chunk, 0), mean);
      const auto between = hn::Mul(hn::Set(d, weight(chunk)), hn::Mul(distance, distance));
      squares = hn::Add(squares, hn::Add(load(chunk, 1), between));
    }
    hn::StoreU(hn::DemoteTo(narrow, mean), narrow, mean_out + c);
    hn::StoreU(hn::DemoteTo(narrow, squares), narrow, squares_out + c);
  });
}

void train(const Shape& p, const BatchNormTrainArgs& args) {
  const float* x = args.x.as<float>();
  const float* gamma = args.gamma.as<float>();
  float* mean = args.mean.as<float>();
  float* inv_std = args.inv_std.as<float>();
  float* running_mean = args.running_mean ? args.running_mean.as<float>() : nullptr;
  float* running_var = args.running_var ? args.running_var.as<float>() : nullptr;
  const Workspace ws(p, args.workspace);
  float* factor = ws.factor(0);
  const float* squares = ws.factor(1);

  chunk_statistics(p, x, ws);
  merge_statistics(p, ws, mean, ws.factor(1));
  const float rows = static_cast<float>(p.rows), momentum = static_cast<float>(p.momentum);
  for (std::int64_t c = 0; c < p.channels; ++c) {
    inv_std[c] = inv_std_of(squares[c] / rows, p.epsilon);
    factor[c] = gamma[c] * inv_std[c];
    if (running_mean) running_mean[c] += momentum * (mean[c] - running_mean[c]);
    if (running_var) running_var[c] += momentum * (squares[c] / (rows - 1) - running_var[c]);
  }
  apply(p, {x, mean, factor, args.beta.as<float>()}, args.y.as<float>());
}

/// dy as it comes.
struct Passed {
  const float* dy;

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t) const {
    return hn::LoadU(d, dy + i);
  }
};

/// dy, or 0 where the ReLU gave 0: y is made again as forward made it, to the bit.
struct PassedByRelu {
  const float* dy;
  Normalise normalise;

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t c) const {
    return unless_stopped(normalise(d, i, c), hn::LoadU(d, dy + i));
  }
};

/// sum_dy = sum(dy), sum_dy_x = sum(dy * (x - mean)) per channel.
template <class Dy>
void gradient_sums(const Shape& p, const float* x, const Dy& dy, const float* mean,
                   const Workspace& ws, float* sum_dy, float* sum_dy_x) {
  parallel_for(chunk_count(p), [&](std::int64_t chunk, int) {
    sum_columns<2>(chunk_range(p.rows, chunk_rows(p), chunk), p.channels,
                   [=](auto d, std::int64_t i, std::int64_t c) {
                     const auto g = dy(d, i, c);
                     const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
                     return std::array{g, hn::Mul(g, centred)};
                   },
                   {ws.sum(chunk, 0), ws.sum(chunk, 1)});
  });
  for_each_vector<double>({0, p.channels}, [&](auto d, std::int64_t c) {
    const hn::Rebind<float, decltype(d)> narrow;
    auto first = hn::Zero(d), second = hn::Zero(d);
    for (std::int64_t chunk = 0; chunk < chunk_count(p); ++chunk) {
      first = hn::Add(first, hn::PromoteTo(d, hn::LoadU(narrow, ws.sum(chunk, 0) + c)));
      second = hn::Add(second, hn::PromoteTo(d, hn::LoadU(narrow, ws.sum(chunk, 1) + c)));
    }
    hn::StoreU(hn::DemoteTo(narrow, first), narrow, sum_dy + c);
    hn::StoreU(hn::DemoteTo(narrow, second), narrow, sum_dy_x + c);
  });
}

template <class Dy>
void gradients(const Shape& p, const BatchNormTrainBackwardArgs& args, const Workspace& ws,
               const Dy& dy) {
  const float* x = args.x.as<float>();
  const float* mean = args.mean.as<float>();
  const float* inv_std = args.inv_std.as<float>();
  float* dgamma = args.dgamma.as<float>();
  float* dbeta = args.dbeta.as<float>();

  gradient_sums(p, x, dy, mean, ws, dbeta, dgamma);
  // dx = factor * (dy - mean_dy - slope * (x - mean)), the contract's formula with x_hat written
  // out
  const float* factor = ws.factor(0);
  float* mean_dy = ws.factor(1);
  float* slope = ws.factor(2);
  const float rows = static_cast<float>(p.rows);
  for (std::int64_t c = 0; c < p.channels; ++c) {
    dgamma[c] *= inv_std[c];
    mean_dy[c] = dbeta[c] / rows;
    slope[c] = inv_std[c] * dgamma[c] / rows;
  }
  if (!args.dx) return;
  float* dx = args.dx.as<float>();
  for_each_element(p, [=](auto d, std::int64_t i, std::int64_t c) {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
    const auto without_mean = hn::Sub(dy(d, i, c), hn::LoadU(d, mean_dy + c));
    const auto rest = hn::NegMulAdd(hn::LoadU(d, slope + c), centred, without_mean);
    hn::StoreU(hn::Mul(hn::LoadU(d, factor + c), rest), d, dx + i);
  });
}

void train_backward(const Shape& p, const BatchNormTrainBackwardArgs& args) {
  const float* gamma = args.gamma.as<float>();
  const float* inv_std = args.inv_std.as<float>();
  const Workspace ws(p, args.workspace);
  float* factor = ws.factor(0);
  for (std::int64_t c = 0; c < p.channels; ++c) factor[c] = gamma[c] * inv_std[c];
  const float* dy = args.dy.as<float>();
  if (p.relu) {
    const Normalise normalise = {args.x.as<float>(), args.mean.as<float>(), factor,
                                 args.beta.as<float>()};
    gradients(p, args, ws, PassedByRelu{dy, normalise});
  } else {
    gradients(p, args, ws, Passed{dy});
  }
}

/// There is no workspace here: each chunk makes its factors anew, on the stack, for a block of
/// channels at a time.
void eval(const Shape& p, const BatchNormEvalArgs& args) {
  constexpr std::int64_t kBlock = 512;
  const float* x = args.x.as<float>();
  const float* gamma = args.gamma.as<float>();
  const float* beta = args.beta.as<float>();
  const float* mean = args.running_mean.as<float>();
  const float* var = args.running_var.as<float>();
  float* y = args.y.as<float>();
  parallel_ranges(p.rows, rows_per_chunk(p.channels), [=, &p](Range rows) {
    for (std::int64_t first = 0; first < p.channels; first += kBlock) {
      const Range block{first, std::min(first + kBlock, p.channels)};
      float factors[kBlock];
      float* factor = factors;
      for_each_vector(block, [=, &p](auto d, std::int64_t c) {
        const auto epsilon = hn::Set(d, static_cast<float>(p.epsilon));
        const auto std = hn::Sqrt(hn::Add(hn::LoadU(d, var + c), epsilon));
        hn::StoreU(hn::Div(hn::LoadU(d, gamma + c), std), d, factor + c - first);
      });
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        const float* x_row = x + row * p.channels;
        float* y_row = y + row * p.channels;
        for_each_vector(block, [=](auto d, std::int64_t c) {
          const auto centred = hn::Sub(hn::LoadU(d, x_row + c), hn::LoadU(d, mean + c));
          const auto scaled =
              hn::MulAdd(hn::LoadU(d, factor + c - first), centred, hn::LoadU(d, beta + c));
          hn::StoreU(scaled, d, y_row + c);
        });
      }
    }
  });
}

void eval_backward(const Shape& p, const BatchNormEvalBackwardArgs& args) {
  const float* dy = args.dy.as<float>();
  const float* gamma = args.gamma.as<float>();
  const float* mean = args.running_mean.as<float>();
  const float* var = args.running_var.as<float>();
  const Workspace ws(p, args.workspace);
  float* factor = ws.factor(0);
  if (args.dgamma || args.dbeta) {
    float* sum_dy = args.dbeta ? args.dbeta.as<float>() : ws.factor(1);
    float* sum_dy_x = args.dgamma ? args.dgamma.as<float>() : ws.factor(2);
    gradient_sums(p, args.x.as<float>(), Passed{dy}, mean, ws, sum_dy, sum_dy_x);
    for (std::int64_t c = 0; c < p.channels; ++c) sum_dy_x[c] *= inv_std_of(var[c], p.epsilon);
  }
  if (!args.dx) return;
  float* dx = args.dx.as<float>();
  for (std::int64_t c = 0; c < p.channels; ++c) {
    factor[c] = gamma[c] * inv_std_of(var[c], p.epsilon);
  }
  for_each_element(p, [=](auto d, std::int64_t i, std::int64_t c) {
    hn::StoreU(hn::Mul(hn::LoadU(d, factor + c), hn::LoadU(d, dy + i)), d, dx + i);
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(workspace_bytes);
HWY_EXPORT(train);
HWY_EXPORT(train_backward);
HWY_EXPORT(eval);
HWY_EXPORT(eval_backward);

bool supports(const BatchNormProblem& p) {
  return p.x_dtype == DType::f32 && p.stat_dtype == DType::f32 && !p.residual;
}

bool supports_without_relu(const BatchNormProblem& p) { return supports(p) && !p.relu; }

std::int64_t workspace(const BatchNormProblem& p) {
  return HWY_DYNAMIC_DISPATCH(workspace_bytes)(p);
}

void run_train(Stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0 || p.channels == 0) return;
  HWY_DYNAMIC_DISPATCH(train)(p, args);
}

void run_train_backward(Stream, const BatchNormProblem& p, const BatchNormTrainBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(train_backward)(p, args);
}

void run_eval(Stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  HWY_DYNAMIC_DISPATCH(eval)(p, args);
}

void run_eval_backward(Stream, const BatchNormProblem& p, const BatchNormEvalBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(eval_backward)(p, args);
}

}  // namespace

void install_batch_norm(Backend& b) {
  const char* name = "chunked";
  b.batch_norm.train.add(
      {.name = name, .supports = supports, .workspace_bytes = workspace, .run = run_train});
  b.batch_norm.train_backward.add({.name = name,
                                   .supports = supports,
                                   .workspace_bytes = workspace,
                                   .run = run_train_backward});
  b.batch_norm.eval.add({.name = name, .supports = supports_without_relu, .run = run_eval});
  b.batch_norm.eval_backward.add({.name = name,
                                  .supports = supports_without_relu,
                                  .workspace_bytes = workspace,
                                  .run = run_eval_backward});
}

}  // namespace tl::cpu
#endif
