// Batch norm as cases: training, its backward pass, evaluation; with ReLU and residual where the
// problem has them.
#include "apps/bench/reference.h"
#include "apps/bench/variant_contestants.h"

namespace tl {
namespace {

/// One number per channel.
struct Channels {
  Buffer gamma, beta, mean, inv_std, running_mean, running_var, dgamma, dbeta;

  Channels(const Backend& b, DType dtype, std::int64_t size)
      : gamma(b, dtype, size),
        beta(b, dtype, size),
        mean(b, dtype, size),
        inv_std(b, dtype, size),
        running_mean(b, dtype, size),
        running_var(b, dtype, size),
        dgamma(b, dtype, size),
        dbeta(b, dtype, size) {
    b.memory.fill({}, 1, running_var);
    b.memory.fill({}, 1, inv_std);
  }
};

struct BatchNormBuffers {
  // Those that a pass has.
  std::shared_ptr<Buffers> x = {}, y = {}, dx = {}, dy = {}, residual = {};
  std::shared_ptr<Channels> channels = {};
};

/// The operands of `ref`: those of copy 0 in f64.
struct Wide {
  Doubles x, y, dy, residual, gamma, beta, mean, inv_std, running_mean, running_var;

  Wide(const Backend& b, const BatchNormBuffers& o) {
    const auto wide = [&b](const std::shared_ptr<Buffers>& from) {
      return from ? widen(to_host(b, (*from)[0])) : Doubles();
    };
    x = wide(o.x), y = wide(o.y), dy = wide(o.dy), residual = wide(o.residual);
    gamma = widen(to_host(b, o.channels->gamma)), beta = widen(to_host(b, o.channels->beta));
    mean = widen(to_host(b, o.channels->mean)), inv_std = widen(to_host(b, o.channels->inv_std));
    running_mean = widen(to_host(b, o.channels->running_mean));
    running_var = widen(to_host(b, o.channels->running_var));
  }
};

BatchNormProblem in_f64(BatchNormProblem p) {
  p.x_dtype = p.stat_dtype = DType::f64;
  return p;
}

ConstView optional_view(const std::shared_ptr<Buffers>& buffers, int copy) {
  return buffers ? ConstView((*buffers)[copy]) : ConstView();
}

BatchNormBuffers forward_operands(const CaseOptions& o, const BenchCase& c,
                                  const BatchNormProblem& p) {
  const std::int64_t size = p.rows * p.channels;
  BatchNormBuffers x{.x = operand(o, c, p.x_dtype, size),
                     .y = operand(o, c, p.x_dtype, size),
                     .channels = std::make_shared<Channels>(o.b, p.stat_dtype, p.channels)};
  if (p.residual) x.residual = operand(o, c, p.x_dtype, size);
  return x;
}

void visit_train(const CaseOptions& o, const BatchNormProblem& p, int layers, const Visit& visit) {
  const auto& slot = o.b.batch_norm.train;
  BenchCase c = case_of(o, slot.name(), p, layers);
  const BatchNormBuffers x = forward_operands(o, c, p);
  add_variants(c, o, slot, p, nullptr, [x](int copy, View workspace, ConstView) {
    const Channels& s = *x.channels;
    return BatchNormTrainArgs{
        (*x.x)[copy], s.gamma,        s.beta,        (*x.y)[copy], s.mean,
        s.inv_std,    s.running_mean, s.running_var, workspace,    optional_view(x.residual, copy)};
  });
  set_outputs(c, o.b, {x.y});
  c.error = error_against([&b = o.b, p = in_f64(p), x] {
    const Wide w(b, x);
    Doubles y(w.x.size()), mean(w.mean), inv_std(w.inv_std);
    const BatchNormTrainArgs args{view_of(w.x),
                                  view_of(w.gamma),
                                  view_of(w.beta),
                                  view_of(y),
                                  view_of(mean),
                                  view_of(inv_std),
                                  {},
                                  {},
                                  {},
                                  view_of(w.residual)};
    ref().batch_norm.train.choose(p).run({}, p, args);
    return std::vector<Doubles>{y};
  });
  visit(c);
}

void visit_eval(const CaseOptions& o, const BatchNormProblem& p, int layers, const Visit& visit) {
  const auto& slot = o.b.batch_norm.eval;
  BenchCase c = case_of(o, slot.name(), p, layers);
  const BatchNormBuffers x = forward_operands(o, c, p);
  add_variants(c, o, slot, p, nullptr, [x](int copy, View, ConstView) {
    const Channels& s = *x.channels;
    return BatchNormEvalArgs{(*x.x)[copy],
                             s.gamma,
                             s.beta,
                             s.running_mean,
                             s.running_var,
                             (*x.y)[copy],
                             optional_view(x.residual, copy)};
  });
  set_outputs(c, o.b, {x.y});
  c.error = error_against([&b = o.b, p = in_f64(p), x] {
    const Wide w(b, x);
    Doubles y(w.x.size());
    const BatchNormEvalArgs args{
        view_of(w.x),           view_of(w.gamma), view_of(w.beta),    view_of(w.running_mean),
        view_of(w.running_var), view_of(y),       view_of(w.residual)};
    ref().batch_norm.eval.choose(p).run({}, p, args);
    return std::vector<Doubles>{y};
  });
  visit(c);
}

void visit_backward(const CaseOptions& o, const BatchNormProblem& p, int layers,
                    const Visit& visit) {
  const auto& slot = o.b.batch_norm.train_backward;
  BenchCase c = case_of(o, slot.name(), p, layers);
  const std::int64_t size = p.rows * p.channels;
  BatchNormBuffers x{.x = operand(o, c, p.x_dtype, size),
                     .dx = operand(o, c, p.x_dtype, size),
                     .dy = operand(o, c, p.x_dtype, size),
                     .channels = std::make_shared<Channels>(o.b, p.stat_dtype, p.channels)};
  if (p.relu && p.residual) x.y = operand(o, c, p.x_dtype, size);
  // dresidual goes where the residual would be.
  if (p.residual) x.residual = operand(o, c, p.x_dtype, size);
  add_variants(c, o, slot, p, nullptr, [x, p](int copy, View workspace, ConstView) {
    const Channels& s = *x.channels;
    BatchNormTrainBackwardArgs args{
        (*x.x)[copy], (*x.dy)[copy], s.gamma,   s.mean, s.inv_std, (*x.dx)[copy],
        s.dgamma,     s.dbeta,       workspace, {},     {},        {}};
    if (p.relu && !p.residual) args.beta = s.beta;
    args.y = optional_view(x.y, copy);
    if (p.residual) args.dresidual = (*x.residual)[copy];
    return args;
  });
  set_outputs(c, o.b, p.residual ? std::vector{x.dx, x.residual} : std::vector{x.dx});
  c.error = error_against([&b = o.b, p = in_f64(p), x] {
    const Wide w(b, x);
    Doubles dx(w.x.size()), dgamma(w.gamma), dbeta(w.beta), dresidual(w.residual);
    BatchNormTrainBackwardArgs args{view_of(w.x),
                                    view_of(w.dy),
                                    view_of(w.gamma),
                                    view_of(w.mean),
                                    view_of(w.inv_std),
                                    view_of(dx),
                                    view_of(dgamma),
                                    view_of(dbeta),
                                    {},
                                    {},
                                    {},
                                    {}};
    if (p.relu && !p.residual) args.beta = view_of(w.beta);
    if (p.relu && p.residual) args.y = view_of(w.y);
    if (p.residual) args.dresidual = view_of(dresidual);
    ref().batch_norm.train_backward.choose(p).run({}, p, args);
    return p.residual ? std::vector<Doubles>{dx, dresidual} : std::vector<Doubles>{dx};
  });
  visit(c);
}

}  // namespace

void visit_cases(const CaseOptions& o, BatchNormProblem p, int layers, const Visit& visit) {
  p.x_dtype = o.dtype, p.stat_dtype = parameter_dtype(o.dtype);
  if (o.wants_slot(o.b.batch_norm.train.name())) visit_train(o, p, layers, visit);
  if (o.wants_slot(o.b.batch_norm.train_backward.name())) visit_backward(o, p, layers, visit);
  if (o.wants_slot(o.b.batch_norm.eval.name())) visit_eval(o, p, layers, visit);
}

}  // namespace tl
