// Read conv2d_reference.h first. A part is computed as a convolution of its own: one picture, or
// one output channel with the input channels of its group.
#include "apps/bench/conv2d_reference.h"

#include "kernels/parallel_for.h"

namespace tl {
namespace {

/// The operands that the pass reads, on the host.
struct HostOperands {
  std::vector<float> x, w, y;
  Doubles bias;
  std::vector<float> residual;
};

Conv2dProblem in_f64(Conv2dProblem p) {
  p.x_dtype = p.w_dtype = p.y_dtype = DType::f64;
  return p;
}

Doubles forward_picture(Conv2dProblem p, const HostOperands& o, std::int64_t picture) {
  p.n = 1;
  const Doubles x = widen(piece(o.x, picture, p.x_size())), w = widen(o.w);
  const Doubles residual = p.residual ? widen(piece(o.residual, picture, p.y_size())) : Doubles();
  Doubles y(static_cast<std::size_t>(p.y_size()));
  Conv2dForwardArgs args;
  args.x = view_of(x), args.w = view_of(w), args.y = view_of(y);
  if (p.bias) args.bias = view_of(o.bias);
  if (p.residual) args.residual = view_of(residual);
  ref().conv2d.forward.choose(p).run({}, p, args);
  return y;
}

Doubles backward_data_picture(Conv2dProblem p, const HostOperands& o, std::int64_t picture) {
  p.n = 1;
  const Doubles dy = widen(piece(o.y, picture, p.y_size())), w = widen(o.w);
  Doubles dx(static_cast<std::size_t>(p.x_size()));
  Conv2dBackwardDataArgs args;
  args.dy = view_of(dy), args.w = view_of(w), args.dx = view_of(dx);
  ref().conv2d.backward_data.choose(p).run({}, p, args);
  return dx;
}

Doubles backward_weight_channel(Conv2dProblem all, const HostOperands& o, std::int64_t channel) {
  const std::int64_t group = channel / (all.c_out / all.groups), in = all.c_in / all.groups;
  Conv2dProblem p = all;
  p.groups = 1, p.c_in = in, p.c_out = 1;
  const Doubles x = widen(columns_of(o.x, all.c_in, group * in, in));
  const Doubles dy = widen(columns_of(o.y, all.c_out, channel, 1));
  Doubles dw(static_cast<std::size_t>(p.w_size()));
  Conv2dBackwardWeightArgs args;
  args.x = view_of(x), args.dy = view_of(dy), args.dw = view_of(dw);
  ref().conv2d.backward_weight.choose(p).run({}, p, args);
  return dw;
}

}  // namespace

Conv2dBuffers conv2d_buffers(const Backend& b, const Conv2dProblem& p, int copies) {
  const DType parameters = parameter_dtype(p.x_dtype);
  Conv2dBuffers buffers{std::make_shared<Buffers>(b, p.x_dtype, p.x_size(), copies),
                        std::make_shared<Buffers>(b, p.w_dtype, p.w_size(), copies),
                        std::make_shared<Buffers>(b, p.y_dtype, p.y_size(), copies),
                        std::make_shared<Buffer>(b, parameters, p.c_out), nullptr};
  if (p.residual) buffers.residual = std::make_shared<Buffer>(b, p.y_dtype, p.y_size());
  return buffers;
}

Conv2dReference::Conv2dReference(const Backend& b, Conv2dPass pass, const Conv2dProblem& p,
                                 const Conv2dBuffers& buffers) {
  HostOperands o;
  if (pass != Conv2dPass::backward_data) o.x = to_host(b, (*buffers.x)[0]);
  if (pass != Conv2dPass::backward_weight) o.w = to_host(b, (*buffers.w)[0]);
  if (pass != Conv2dPass::forward) o.y = to_host(b, (*buffers.y)[0]);
  if (p.bias) o.bias = widen(to_host(b, *buffers.bias));
  if (p.residual) o.residual = to_host(b, *buffers.residual);
  const auto compute = pass == Conv2dPass::forward         ? forward_picture
                       : pass == Conv2dPass::backward_data ? backward_data_picture
                                                           : backward_weight_channel;
  const bool by_channel = pass == Conv2dPass::backward_weight;
  size_ = by_channel                    ? p.w_size() / p.c_out
          : pass == Conv2dPass::forward ? p.y_size() / p.n
                                        : p.x_size() / p.n;
  parts_ = some_of(by_channel ? p.c_out : p.n);
  truth_.resize(parts_.size());
  parallel_for(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t i, int) {
    const auto at = static_cast<std::size_t>(i);
    truth_[at] = compute(in_f64(p), o, parts_[at]);
  });
}

double Conv2dReference::error(const std::vector<float>& output) const {
  double worst = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    worst = worse(relative_error(piece(output, parts_[i], size_), truth_[i]), worst);
  return worst;
}

}  // namespace tl
