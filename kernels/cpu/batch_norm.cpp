// batch_norm "chunked": x [rows, channels] is cut into chunks of rows; channels are vector lanes.
//
//   train            per chunk: mean, then sum of squared distances to it, while the chunk is in
//                    the cache; the chunks are merged (Chan et al. 1979); one pass applies
//   train_backward   per chunk: sum(dy) and sum(dy * (x - mean)); merged; one pass writes dx
//   eval(_backward)  the same apply pass and the same sums, with constant statistics
//
// So x is read from memory twice forward, and x and dy twice backward. A residual and a ReLU are
// part of these passes: added and cut off where y is written, and backward, what the ReLU
// lets through of a chunk is left as dresidual before its sums are taken, and dx is made from that.
// Sums of chunks merge in f64 in chunk order: there are few of them, and it costs nothing to lose
// nothing.
//
// Here is the forward half; batch_norm_backward.cpp has the other.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/batch_norm.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/batch_norm-inl.h"
#include "kernels/cpu/install.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

using namespace batch_norm;

/// y = relu?(normalised x + residual?)
struct Apply {
  Normalise normalise;
  const float* residual;  // nullptr: none
  bool relu;

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t c) const {
    auto value = normalise(d, i, c);
    if (residual) value = hn::Add(value, hn::LoadU(d, residual + i));
    return relu ? unless_stopped(value, value) : value;
  }
};

/// Chunk statistics: sum(chunk, 0) = mean, sum(chunk, 1) = sum((x - mean)^2), over its own rows.
void chunk_statistics(const BatchNormProblem& p, const float* x, const BatchNormWorkspace& ws) {
  const NextChunk next(p);
  parallel_for(batch_norm_chunk_count(p), [&](std::int64_t chunk, int) {
    const Range rows = chunk_range(p.rows, batch_norm_chunk_rows(p), chunk);
    float* mean = ws.sum(chunk, 0);
    sum_columns<1>(rows, p.channels,
                   [=](auto d, std::int64_t i, std::int64_t) {
                     next.fetch(x + i);
                     return std::array{hn::LoadU(d, x + i)};
                   },
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
void merge_statistics(const BatchNormProblem& p, const BatchNormWorkspace& ws, float* mean_out,
                      float* squares_out) {
  const std::int64_t chunks = batch_norm_chunk_count(p);
  const auto weight = [&](std::int64_t chunk) {
    return static_cast<double>(chunk_range(p.rows, batch_norm_chunk_rows(p), chunk).size());
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

void train(const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  const float* x = args.x.as<float>();
  const float* gamma = args.gamma.as<float>();
  float* mean = args.mean.as<float>();
  float* inv_std = args.inv_std.as<float>();
  float* running_mean = optional_floats(args.running_mean);
  float* running_var = optional_floats(args.running_var);
  const BatchNormWorkspace ws(p, args.workspace);
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
  const Apply apply = {{x, mean, factor, args.beta.as<float>()},
                       p.residual ? args.residual.as<float>() : nullptr,
                       p.relu};
  const Result y(p, args.y.as<float>());
  for_each_element(p, [=](auto d, std::int64_t i, std::int64_t c) { y.set(d, i, apply(d, i, c)); });
}

/// There is no workspace here: each chunk makes its factors anew, on the stack, for a block of
/// channels at a time.
void eval(const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  constexpr std::int64_t kBlock = 512;
  const float* x = args.x.as<float>();
  const float* gamma = args.gamma.as<float>();
  const float* beta = args.beta.as<float>();
  const float* mean = args.running_mean.as<float>();
  const float* var = args.running_var.as<float>();
  const float* residual = p.residual ? args.residual.as<float>() : nullptr;
  float* y = args.y.as<float>();
  parallel_ranges(p.rows, rows_per_chunk(p.channels), [=, &p](Range rows) {
    for (std::int64_t first = 0; first < p.channels; first += kBlock) {
      const Range block{0, std::min(p.channels - first, kBlock)};
      float factor[kBlock];
      for_each_vector(block, [&](auto d, std::int64_t c) {
        const auto epsilon = hn::Set(d, static_cast<float>(p.epsilon));
        const auto std = hn::Sqrt(hn::Add(hn::LoadU(d, var + first + c), epsilon));
        hn::StoreU(hn::Div(hn::LoadU(d, gamma + first + c), std), d, factor + c);
      });
      // All of it counted from the block's first channel, as `factor` is.
      const Apply apply = {{x + first, mean + first, factor, beta + first},
                           residual ? residual + first : nullptr,
                           p.relu};
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        float* to = y + first + row * p.channels;
        for_each_vector(block, [=](auto d, std::int64_t c) {
          hn::StoreU(apply(d, row * p.channels + c, c), d, to + c);
        });
      }
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(train);
HWY_EXPORT(eval);

void run_train(Stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  if (p.rows == 0 || p.channels == 0) return;
  HWY_DYNAMIC_DISPATCH(train)(p, args);
}

void run_eval(Stream, const BatchNormProblem& p, const BatchNormEvalArgs& args) {
  HWY_DYNAMIC_DISPATCH(eval)(p, args);
}

}  // namespace

void install_batch_norm(Backend& b) {
  const char* name = "chunked";
  b.batch_norm.train.add({.name = name,
                          .supports = batch_norm_supports,
                          .workspace_bytes = batch_norm_workspace_bytes,
                          .run = run_train});
  b.batch_norm.eval.add({.name = name, .supports = batch_norm_supports, .run = run_eval});
  add_batch_norm_backward(b);
}

}  // namespace tl::cpu
#endif
