// Convolutions as cases: forward, and both gradients.
#include "apps/bench/conv2d_reference.h"
#include "apps/bench/variant_contestants.h"

namespace tl {
namespace {

void add_yardsticks(BenchCase& c, const CaseOptions& o, Conv2dPass pass, const Conv2dProblem& p,
                    const Conv2dBuffers& x) {
  for (Yardstick* yardstick : o.yardsticks) {
    const Conv2dOperands operands{x.x->host_f32(), x.w->host_f32(), x.y->host_f32(),
                                  p.bias ? ConstView(*x.bias).as<float>() : nullptr,
                                  p.residual ? ConstView(*x.residual).as<float>() : nullptr};
    add_runs(c, o, *yardstick, yardstick->conv2d(pass, p, operands), x);
  }
}

/// `output` is the one of x's buffers that the pass writes.
void finish(BenchCase& c, const CaseOptions& o, Conv2dPass pass, const Conv2dProblem& p,
            const Conv2dBuffers& x, const std::shared_ptr<Buffers>& output, const Visit& visit) {
  add_yardsticks(c, o, pass, p, x);
  set_outputs(c, o.b, {output});
  c.error = [&b = o.b, pass, p, x,
             reference = std::shared_ptr<Conv2dReference>()](const Outputs& outputs) mutable {
    if (!reference) reference = std::make_shared<Conv2dReference>(b, pass, p, x);
    return reference->error(outputs[0]);
  };
  visit(c);
}

void visit_forward(const CaseOptions& o, const Conv2dProblem& p, int layers, const Visit& visit) {
  const auto& slot = o.b.conv2d.forward;
  BenchCase c = case_of(o, slot.name(), p, layers);
  const Conv2dBuffers x = conv2d_buffers(o.b, p, c.copies);
  add_variants(c, o, slot, p, x.w, [x, p](int copy, View workspace, ConstView weights) {
    Conv2dForwardArgs args;
    args.x = (*x.x)[copy], args.w = weights, args.y = (*x.y)[copy], args.workspace = workspace;
    if (p.bias) args.bias = *x.bias;
    if (p.residual) args.residual = *x.residual;
    return args;
  });
  finish(c, o, Conv2dPass::forward, p, x, x.y, visit);
}

void visit_backward_data(const CaseOptions& o, const Conv2dProblem& p, int layers,
                         const Visit& visit) {
  const auto& slot = o.b.conv2d.backward_data;
  BenchCase c = case_of(o, slot.name(), p, layers);
  const Conv2dBuffers x = conv2d_buffers(o.b, p, c.copies);
  add_variants(c, o, slot, p, x.w, [x](int copy, View workspace, ConstView weights) {
    Conv2dBackwardDataArgs args;
    args.dy = (*x.y)[copy], args.w = weights, args.dx = (*x.x)[copy], args.workspace = workspace;
    return args;
  });
  finish(c, o, Conv2dPass::backward_data, p, x, x.x, visit);
}

void visit_backward_weight(const CaseOptions& o, Conv2dProblem p, int layers, const Visit& visit) {
  const auto& slot = o.b.conv2d.backward_weight;
  p.w_dtype = parameter_dtype(p.x_dtype);
  BenchCase c = case_of(o, slot.name(), p, layers);
  const Conv2dBuffers x = conv2d_buffers(o.b, p, c.copies);
  add_variants(c, o, slot, p, nullptr, [x](int copy, View workspace, ConstView) {
    Conv2dBackwardWeightArgs args;
    args.x = (*x.x)[copy], args.dy = (*x.y)[copy], args.dw = (*x.w)[copy];
    args.workspace = workspace;
    return args;
  });
  finish(c, o, Conv2dPass::backward_weight, p, x, x.w, visit);
}

}  // namespace

void visit_cases(const CaseOptions& o, Conv2dProblem p, int layers, const Visit& visit) {
  p.x_dtype = p.w_dtype = p.y_dtype = o.dtype;
  if (o.wants_slot(o.b.conv2d.forward.name())) visit_forward(o, p, layers, visit);
  // What belongs to forward alone. A fused problem stands beside a plain one: its gradients are
  // that one's.
  if (p.bias || p.residual || p.relu) return;
  if (o.wants_slot(o.b.conv2d.backward_data.name())) visit_backward_data(o, p, layers, visit);
  if (o.wants_slot(o.b.conv2d.backward_weight.name())) visit_backward_weight(o, p, layers, visit);
}

}  // namespace tl
