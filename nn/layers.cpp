#include "nn/layers.h"

#include <cmath>

#include "nn/frozen.h"
#include "nn/init.h"

namespace tl {

Linear::Linear(std::int64_t in, std::int64_t out, Generator& random, Placement where)
    : weight(add_parameter(
          "weight",
          uniform_tensor({out, in}, 1 / std::sqrt(static_cast<double>(in)), random, where))),
      bias(add_parameter(
          "bias", uniform_tensor({out}, 1 / std::sqrt(static_cast<double>(in)), random, where))) {}

PlanValue Linear::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.linear(x, weight, bias);
}

Conv2d::Conv2d(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, Conv2dOptions o,
               Generator& random, Placement where)
    : options(o),
      weight(add_parameter(
          "weight",
          kaiming_normal_fan_out({c_out, kernel, kernel, c_in / o.groups}, random, where))) {}

PlanValue Conv2d::lower(PlanBuilder& plan, const PlanValue& x) const {
  return plan.conv(x, *this, nullptr);
}

BatchNorm2d::BatchNorm2d(std::int64_t channels, Placement where, BatchNormOptions o)
    : options(o),
      tensors{add_parameter("weight", Tensor::full({channels}, 1, where.dtype, where.device)),
              add_parameter("bias", Tensor::full({channels}, 0, where.dtype, where.device)),
              add_buffer("running_mean", Tensor::full({channels}, 0, where.dtype, where.device)),
              add_buffer("running_var", Tensor::full({channels}, 1, where.dtype, where.device))} {}

Tensor BatchNorm2d::forward(const Tensor& x) {
  return is_training() ? batch_norm_train(x, tensors, options)
                       : batch_norm_eval(x, tensors, options);
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
