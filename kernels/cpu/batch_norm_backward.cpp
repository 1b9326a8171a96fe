// batch_norm "chunked", the backward half: sums of dy and of dy times x over each chunk, merged in
// chunk order, then dx.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/batch_norm_backward.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/batch_norm-inl.h"
#include "kernels/cpu/install.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

using namespace batch_norm;

/// What of dy the ReLU lets through, which is also the residual's gradient.
struct Passed {
  const float* dy;
  const float* y;    // the ReLU's result; nullptr: there is none
  float* dresidual;  // nullptr: not wanted

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t) const {
    const auto g = hn::LoadU(d, dy + i);
    return y ? unless_stopped(hn::LoadU(d, y + i), g) : g;
  }
  void fetch(const NextChunk& next, std::int64_t i) const {
    next.fetch(dy + i);
    if (y) next.fetch(y + i);
  }
  /// Writes dresidual, if it is wanted, for these elements.
  void keep(Range elements) const {
    if (!dresidual) return;
    for_each_vector(elements, [passed = *this](auto d, std::int64_t i) {
      hn::StoreU(passed(d, i, 0), d, passed.dresidual + i);
    });
  }
  /// To be read from where it is kept.
  Passed kept() const { return dresidual ? Passed{dresidual, nullptr, nullptr} : *this; }
};

/// The same in training without a residual: y is made again as forward made it, to the bit.
struct PassedByRemade {
  const float* dy;
  Normalise normalise;

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t c) const {
    return unless_stopped(normalise(d, i, c), hn::LoadU(d, dy + i));
  }
  void fetch(const NextChunk& next, std::int64_t i) const { next.fetch(dy + i); }
  void keep(Range) const {}
  PassedByRemade kept() const { return *this; }
};

/// sum_dy = sum(g), sum_dy_x = sum(g * (x - mean)) per channel, g what dy gives. It is kept chunk
/// by chunk, row after row, and summed from the cache: the sums go down columns, where stores
/// between loads from the same place of other pages would hold those up.
template <class Dy>
void gradient_sums(const BatchNormProblem& p, const float* x, const Dy& dy, const float* mean,
                   const BatchNormWorkspace& ws, float* sum_dy, float* sum_dy_x) {
  const NextChunk next(p);
  parallel_for(batch_norm_chunk_count(p), [&](std::int64_t chunk, int) {
    const Range rows = chunk_range(p.rows, batch_norm_chunk_rows(p), chunk);
    dy.keep({rows.begin * p.channels, rows.end * p.channels});
    sum_columns<2>(rows, p.channels,
                   [=, kept = dy.kept()](auto d, std::int64_t i, std::int64_t c) {
                     dy.fetch(next, i);
                     next.fetch(x + i);
                     const auto g = kept(d, i, c);
                     const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
                     return std::array{g, hn::Mul(g, centred)};
                   },
                   {ws.sum(chunk, 0), ws.sum(chunk, 1)});
  });
  for_each_vector<double>({0, p.channels}, [&](auto d, std::int64_t c) {
    const hn::Rebind<float, decltype(d)> narrow;
    auto first = hn::Zero(d), second = hn::Zero(d);
    for (std::int64_t chunk = 0; chunk < batch_norm_chunk_count(p); ++chunk) {
      first = hn::Add(first, hn::PromoteTo(d, hn::LoadU(narrow, ws.sum(chunk, 0) + c)));
      second = hn::Add(second, hn::PromoteTo(d, hn::LoadU(narrow, ws.sum(chunk, 1) + c)));
    }
    hn::StoreU(hn::DemoteTo(narrow, first), narrow, sum_dy + c);
    hn::StoreU(hn::DemoteTo(narrow, second), narrow, sum_dy_x + c);
  });
}

template <class Dy>
void gradients(const BatchNormProblem& p, const BatchNormTrainBackwardArgs& args,
               const BatchNormWorkspace& ws, const Dy& dy) {
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
  const Dy kept = dy.kept();
  const Result dx(p, args.dx.as<float>());
  for_each_element(p, [=](auto d, std::int64_t i, std::int64_t c) {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
    const auto without_mean = hn::Sub(kept(d, i, c), hn::LoadU(d, mean_dy + c));
    const auto rest = hn::NegMulAdd(hn::LoadU(d, slope + c), centred, without_mean);
    dx.set(d, i, hn::Mul(hn::LoadU(d, factor + c), rest));
  });
}

void train_backward(const BatchNormProblem& p, const BatchNormTrainBackwardArgs& args) {
  const float* gamma = args.gamma.as<float>();
  const float* inv_std = args.inv_std.as<float>();
  const BatchNormWorkspace ws(p, args.workspace);
  float* factor = ws.factor(0);
  for (std::int64_t c = 0; c < p.channels; ++c) factor[c] = gamma[c] * inv_std[c];
  const float* dy = args.dy.as<float>();
  if (p.relu && !p.residual) {
    const PassedByRemade passed = {
        dy, {args.x.as<float>(), args.mean.as<float>(), factor, args.beta.as<float>()}};
    gradients(p, args, ws, passed);
    return;
  }
  const float* y = p.relu ? args.y.as<float>() : nullptr;
  gradients(p, args, ws, Passed{dy, y, optional_floats(args.dresidual)});
}

void eval_backward(const BatchNormProblem& p, const BatchNormEvalBackwardArgs& args) {
  const float* gamma = args.gamma.as<float>();
  const float* mean = args.running_mean.as<float>();
  const float* var = args.running_var.as<float>();
  const BatchNormWorkspace ws(p, args.workspace);
  float* factor = ws.factor(0);
  Passed passed = {args.dy.as<float>(), p.relu ? args.y.as<float>() : nullptr,
                   optional_floats(args.dresidual)};
  if (args.dgamma || args.dbeta) {
    float* sum_dy = args.dbeta ? args.dbeta.as<float>() : ws.factor(1);
    float* sum_dy_x = args.dgamma ? args.dgamma.as<float>() : ws.factor(2);
    gradient_sums(p, args.x.as<float>(), passed, mean, ws, sum_dy, sum_dy_x);
    for (std::int64_t c = 0; c < p.channels; ++c) sum_dy_x[c] *= inv_std_of(var[c], p.epsilon);
    passed = passed.kept();
  }
  const Result dx(p, optional_floats(args.dx)), dresidual(p, passed.dresidual);
  if (!dx.to && !dresidual.to) return;
  for (std::int64_t c = 0; c < p.channels; ++c) {
    factor[c] = gamma[c] * inv_std_of(var[c], p.epsilon);
  }
  for_each_element(p, [=](auto d, std::int64_t i, std::int64_t c) {
    const auto g = passed(d, i, c);
    if (dresidual.to) dresidual.set(d, i, g);
    if (dx.to) dx.set(d, i, hn::Mul(hn::LoadU(d, factor + c), g));
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(train_backward);
HWY_EXPORT(eval_backward);

void run_train_backward(Stream, const BatchNormProblem& p, const BatchNormTrainBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(train_backward)(p, args);
}

void run_eval_backward(Stream, const BatchNormProblem& p, const BatchNormEvalBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(eval_backward)(p, args);
}

}  // namespace

void add_batch_norm_backward(Backend& b) {
  const char* name = "chunked";
  b.batch_norm.train_backward.add({.name = name,
                                   .supports = batch_norm_supports,
                                   .workspace_bytes = batch_norm_workspace_bytes,
                                   .run = run_train_backward});
  b.batch_norm.eval_backward.add({.name = name,
                                  .supports = batch_norm_supports,
                                  .workspace_bytes = batch_norm_workspace_bytes,
                                  .run = run_eval_backward});
}

}  // namespace tl::cpu
#endif
