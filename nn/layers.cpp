#include "nn/layers.h"

#include <cmath>

#include "nn/frozen.h"
#include "nn/init.h"

namespace tl {

namespace {

/// PyTorch's start of a layer that stands alone: weight (Kaiming with a slope of sqrt(5)) and bias
/// uniform in +-1 / sqrt(fan_in); 0 where there are no inputs.
double bound_of(const Shape& weight) {
  const double inputs = fans_of(weight).in;
  return inputs > 0 ? 1 / std::sqrt(inputs) : 0;
}

Tensor starting_weight(const Shape& shape, Generator& random, Placement where) {
  return uniform_tensor(shape, bound_of(shape), random, where);
}
Tensor starting_bias(const Tensor& weight, Generator& random, Placement where) {
  return uniform_tensor({weight.shape()[0]}, bound_of(weight.shape()), random, where);
}
Tensor starting_filter(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel,
                       std::int64_t groups, ConvStart start, Generator& random, Placement where) {
  check(groups >= 1 && c_in % groups == 0 && c_out % groups == 0, "conv2d: ", c_in, " to ", c_out,
        " channels cannot be cut into ", groups, " groups");
  const Shape shape{c_out, kernel, kernel, c_in / groups};
  return start == ConvStart::alone ? starting_weight(shape, random, where)
                                   : kaiming_normal_fan_out(shape, random, where);
}

/// 64 random bits.
std::uint64_t drawn_seed(Generator& random) {
  const std::vector<double> halves = random.uniform(2);
  return static_cast<std::uint64_t>(halves[0] * 0x1p32) << 32 |
         static_cast<std::uint64_t>(halves[1] * 0x1p32);
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, Generator& random, Placement where)
    : weight(add_parameter("weight", starting_weight({out, in}, random, where))),
      bias(add_parameter("bias", starting_bias(weight, random, where))) {}

PlanValue Linear::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.linear(x, weight, bias);
}

Conv2d::Conv2d(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, Conv2dOptions o,
               Generator& random, Placement where, ConvStart start)
    : options(o),
      weight(add_parameter("weight",
                           starting_filter(c_in, c_out, kernel, o.groups, start, random, where))),
      bias(start == ConvStart::alone ? add_parameter("bias", starting_bias(weight, random, where))
                                     : Tensor()),
      bf16_weight_(add_bf16_copy("weight")) {}

Tensor Conv2d::forward(const Tensor& x) {
  const bool is_mixed = x.dtype() == DType::bf16 && weight.dtype() == DType::f32;
  return conv2d(x, weight, bias, options, is_mixed ? bf16_weight_->get() : Tensor());
}

PlanValue Conv2d::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.conv(x, *this, nullptr);
}

BatchNorm2d::BatchNorm2d(std::int64_t channels, Placement where, BatchNormOptions o)
    : options(o),
      tensors{add_parameter("weight", Tensor::full({channels}, 1, where.dtype, where.device)),
              add_parameter("bias", Tensor::full({channels}, 0, where.dtype, where.device)),
              add_buffer("running_mean", Tensor::full({channels}, 0, where.dtype, where.device)),
              add_buffer("running_var", Tensor::full({channels}, 1, where.dtype, where.device))} {}

bool BatchNorm2d::is_frozen() const {
  return !tensors.gamma.requires_grad() && !tensors.beta.requires_grad();
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  return uses_batch() ? batch_norm_train(x, tensors, options)
                      : batch_norm_eval(x, tensors, options);
}

Tensor BatchNorm2d::forward_relu(const Tensor& x) {
  const LayerScope scope(this);
  return uses_batch() ? batch_norm_relu_train(x, tensors, options)
                      : batch_norm_relu_eval(x, tensors, options);
}

Tensor BatchNorm2d::forward_add_relu(const Tensor& x, const Tensor& residual) {
  const LayerScope scope(this);
  return uses_batch() ? batch_norm_add_relu_train(x, residual, tensors, options)
                      : batch_norm_add_relu_eval(x, residual, tensors, options);
}

Dropout::Dropout(double r, Generator& random) : rate(r), random_(drawn_seed(random)) {}

PlanValue Dropout::lower(PlanBuilder&, const PlanValue& x) const { return x; }

PlanValue Relu::lower(PlanBuilder& plan, const PlanValue& x) const { return plan.relu(x); }

PlanValue MaxPool2d::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.max_pool(x, options);
}

PlanValue AveragePool2d::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.average_pool(x, options);
}

PlanValue GlobalAveragePool::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.global_average_pool(x);
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto& module : modules_) y = (*module)(y);
  return y;
}

PlanValue Sequential::lower(PlanBuilder& plan, const PlanValue& x) const {
  PlanValue y = x;
  for (const auto& module : modules_) y = module->lower(plan, y);
  return y;
}

}  // namespace tl
