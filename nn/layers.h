// The layers: an op with its parameters. Names and shapes of the parameters are PyTorch's, except
// that filters are [c_out, kh, kw, c_in].
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/random.h"
#include "nn/bf16_copy.h"
#include "nn/module.h"

namespace tl {

/// x [rows, in] to [rows, out]; parameters `weight` [out, in] and `bias` [out], both uniform in
/// +-1 / sqrt(in) at the start.
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, Generator& random, Placement where = {});
  Tensor forward(const Tensor& x) override { return linear(x, weight, bias); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

  const Tensor weight, bias;
};

/// before_norm: a batch norm follows; no bias, `weight` normal with variance 2 / fan_out, as in
/// torchvision's ResNets. alone: `weight` and `bias` uniform in +-1 / sqrt(fan_in), as PyTorch's
/// Conv2d starts.
enum class ConvStart { before_norm, alone };

/// x [n, h, w, c_in] to [n, oh, ow, c_out], square kernel; parameters `weight` [c_out, kernel,
/// kernel, c_in / groups] and, if it has one, `bias` [c_out]. Where the parameters are f32 and x is
/// bf16, it computes with a bf16 copy of the weight; gradients are f32.
class Conv2d : public Module {
 public:
  Conv2d(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, Conv2dOptions options,
         Generator& random, Placement where = {}, ConvStart start = ConvStart::before_norm);
  Tensor forward(const Tensor& x) override;
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

  const Conv2dOptions options;
  const Tensor weight, bias;  ///< bias is absent before a batch norm

 private:
  const std::shared_ptr<Bf16Copy> bf16_weight_;
};

/// Normalises each channel: by the batch in training, by the running statistics in evaluation, and
/// when it is frozen: gamma and beta both want no gradient. Training then leaves it as it is.
/// Parameters `weight` (gamma, 1 at the start) and `bias` (beta, 0), buffers `running_mean` (0) and
/// `running_var` (1), all [channels].
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, Placement where = {}, BatchNormOptions options = {});
  Tensor forward(const Tensor& x) override;
  /// relu(forward(x)), of which training keeps x alone.
  Tensor forward_relu(const Tensor& x);
  /// relu(forward(x) + residual)
  Tensor forward_add_relu(const Tensor& x, const Tensor& residual);
  bool is_frozen() const;
  /// Whether it normalises by the batch.
  bool uses_batch() const { return is_training() && !is_frozen(); }

  const BatchNormOptions options;
  const BatchNormTensors tensors;
};

/// In training, each element is dropped with probability `rate`, as in the op dropout; in
/// evaluation x itself. It draws from a generator of its own, seeded by `random`.
class Dropout : public Module {
 public:
  Dropout(double rate, Generator& random);
  Tensor forward(const Tensor& x) override { return dropout(x, rate, random_, is_training()); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

  const double rate;

 private:
  Generator random_;
};

/// relu, max_pool2d, average_pool2d and global_average_pool (engine/ops.h) as modules, to stand in
/// a Sequential. They have no parameters.
class Relu : public Module {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;
};
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(MaxPool2dOptions o) : options(o) {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

  const MaxPool2dOptions options;
};
class AveragePool2d : public Module {
 public:
  explicit AveragePool2d(AveragePool2dOptions o) : options(o) {}
  Tensor forward(const Tensor& x) override { return average_pool2d(x, options); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

  const AveragePool2dOptions options;
};
class GlobalAveragePool : public Module {
 public:
  Tensor forward(const Tensor& x) override { return global_average_pool(x); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;
};

/// Modules one after the other, named "0", "1", ...
class Sequential : public Module {
 public:
  Sequential() = default;
  /// Constructs a module in place at the end and returns it.
  template <class M, class... Args>
  M& append(Args&&... args) {
    auto module = std::make_unique<M>(std::forward<Args>(args)...);
    M& reference = *module;
    add_module(std::to_string(modules_.size()), reference);
    modules_.push_back(std::move(module));
    return reference;
  }
  bool empty() const { return modules_.empty(); }
  Tensor forward(const Tensor& x) override;
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

 private:
  std::vector<std::unique_ptr<Module>> modules_;
};

}  // namespace tl
