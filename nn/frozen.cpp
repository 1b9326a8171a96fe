#include "nn/frozen.h"

#include <algorithm>

#include "engine/ops/problems.h"
#include "engine/run_variant.h"
#include "nn/layers.h"

namespace tl {
namespace {

FoldedConv folded_conv(const Conv2d& conv, const BatchNorm2d* norm) {
  FoldedConv folded{fold(conv, norm), {}, {}};
  const auto add_source = [&](const Tensor& x) { folded.sources.push_back({x, x.version()}); };
  add_source(conv.weight);
  if (conv.bias) add_source(conv.bias);
  if (norm) {
    for (const Tensor& x : {norm->tensors.gamma, norm->tensors.beta, norm->tensors.running_mean,
                            norm->tensors.running_var})
      add_source(x);
  }
  return folded;
}

}  // namespace

const Tensor& FoldedConv::prepared_for(const Variant<Conv2dProblem, Conv2dForwardArgs>& variant,
                                       const Conv2dProblem& p, Device device) {
  const std::int64_t bytes = variant.prepared_size(p);
  if (bytes == 0) return filter.weight;
  Tensor& form = prepared[variant.name];
  if (!form) {
    form = scratch(bytes, device);
    variant.prepare(form.stream(), p, filter.weight.readable(), form.writable());
  }
  return form;
}

namespace {

/// Makes the steps of a Plan for inputs of one shape.
class FrozenPlanBuilder : public PlanBuilder {
 public:
  FrozenPlanBuilder(Placement where, FoldedConvs& folded) : where_(where), folded_(folded) {}

  PlanValue input(Shape shape) { return {0, std::move(shape)}; }
  Plan finish(const PlanValue& output) { return Plan(std::move(steps_), output.index); }

  PlanValue conv(const PlanValue& x, const Conv2d& conv, const BatchNorm2d* norm,
                 ConvEpilogue epilogue) override;
  PlanValue relu(const PlanValue& x) override { return op(x, x.shape, tl::relu); }
  PlanValue max_pool(const PlanValue& x, const MaxPool2dOptions& options) override;
  PlanValue average_pool(const PlanValue& x, const AveragePool2dOptions& options) override;
  PlanValue global_average_pool(const PlanValue& x) override {
    return op(x, {x.shape[0], x.shape[3]}, tl::global_average_pool);
  }
  PlanValue subsample(const PlanValue& x, std::int64_t stride, std::int64_t before,
                      std::int64_t after) override;
  PlanValue linear(const PlanValue& x, const Tensor& weight, const Tensor& bias) override {
    return op(x, {x.shape[0], weight.shape()[0]},
              [weight, bias](const Tensor& t) { return tl::linear(t, weight, bias); });
  }

 private:
  using ConvVariant = Variant<Conv2dProblem, Conv2dForwardArgs>;

  const ConvVariant& choose_conv(const Conv2dProblem& p, FoldedConv& folded) const;
  PlanValue add_step(const PlanValue& x, Shape shape, const PlanValue* residual,
                     Plan::Compute compute);
  /// A function of one tensor, run as it is; `shape` is that of its result. Several threads may
  /// call it at once, each for some of the pictures (plan.h): it must compute a picture's result
  /// from that picture alone, and keep the dtype.
  PlanValue op(const PlanValue& x, Shape shape, std::function<Tensor(const Tensor&)> f);

  Placement where_;
  FoldedConvs& folded_;
  std::vector<Plan::Step> steps_;
};

PlanValue FrozenPlanBuilder::add_step(const PlanValue& x, Shape shape, const PlanValue* residual,
                                      Plan::Compute compute) {
  std::vector<int> inputs{x.index};
  if (residual) inputs.push_back(residual->index);
  steps_.push_back({shape, std::move(inputs), residual ? residual->index : 0,
                    pictures_at_once(x.shape), std::move(compute)});
  return {static_cast<int>(steps_.size()), std::move(shape)};
}

const FrozenPlanBuilder::ConvVariant& FrozenPlanBuilder::choose_conv(const Conv2dProblem& p,
                                                                     FoldedConv& folded) const {
  const auto& slot = backend(where_.device).conv2d.forward;
  Tuning* tuning = Tuning::current();
  if (!tuning) return slot.choose(p);
  const Tensor x = Tensor::zeros({p.x_size()}, where_.dtype, where_.device);
  Tensor y = Tensor::zeros({p.y_size()}, where_.dtype, where_.device);
  return tuning->fastest(slot, p, [&](const ConvVariant& variant) {
    Conv2dForwardArgs args;
    args.x = x.readable();
    args.w = folded.prepared_for(variant, p, where_.device).readable();
    args.y = y.writable();
    if (p.bias) args.bias = folded.filter.bias.readable();
    if (p.residual) args.residual = y.readable();
    run_this_variant(y, variant, p, args);
  });
}

PlanValue FrozenPlanBuilder::conv(const PlanValue& x, const Conv2d& conv, const BatchNorm2d* norm,
                                  ConvEpilogue epilogue) {
  Conv2dProblem p =
      conv2d_problem("frozen: conv2d", x.shape, conv.weight.shape(), conv.options, where_.dtype);
  const std::pair key{&conv, norm};
  auto entry = folded_.find(key);
  if (entry == folded_.end()) entry = folded_.emplace(key, folded_conv(conv, norm)).first;
  FoldedConv& folded = entry->second;

  p.bias = static_cast<bool>(folded.filter.bias);
  p.residual = epilogue.residual != nullptr;
  p.relu = epilogue.relu;
  Conv2dProblem part = p;  // what is computed at once (plan.h)
  if (where_.device == Device::cpu) part.n = std::min(p.n, pictures_at_once(x.shape));
  const auto& variant = choose_conv(part, folded);
  const Tensor weights = folded.prepared_for(variant, p, where_.device);

  const auto compute = [=, bias = folded.filter.bias, layer = static_cast<Layer>(&conv)](
                           const std::vector<const Tensor*>& inputs, Tensor& y) {
    const LayerScope scope(layer);
    const Tensor& in = *inputs[0];
    Conv2dProblem some = p;
    some.n = in.shape()[0];
    if (!y) y = Tensor::empty({some.n, p.out_h(), p.out_w(), p.c_out}, in.dtype(), in.device());
    Conv2dForwardArgs args;
    args.x = in.readable();
    args.w = weights.readable();
    args.y = y.writable();
    if (bias) args.bias = bias.readable();
    if (p.residual) args.residual = inputs[1]->readable();
    Tensor workspace;
    if (const std::int64_t bytes = variant.workspace_size(some); bytes > 0) {
      workspace = scratch(bytes, in.device());
      args.workspace = workspace.writable();
    }
    variant(y.stream(), some, args);
  };
  return add_step(x, {p.n, p.out_h(), p.out_w(), p.c_out}, epilogue.residual, compute);
}

PlanValue FrozenPlanBuilder::op(const PlanValue& x, Shape shape,
                                std::function<Tensor(const Tensor&)> f) {
  return add_step(x, std::move(shape), nullptr,
                  [=](const std::vector<const Tensor*>& inputs, Tensor& y) {
                    const Tensor result = f(*inputs[0]);
                    if (y) {
                      y.copy_from(result);
                    } else {
                      y = result.shares_storage() ? result.clone() : result;
                    }
                  });
}

PlanValue FrozenPlanBuilder::max_pool(const PlanValue& x, const MaxPool2dOptions& options) {
  const MaxPool2dProblem p = max_pool2d_problem("frozen: max_pool2d", x.shape, options);
  return op(x, {p.n, p.out_h(), p.out_w(), p.c},
            [options](const Tensor& t) { return tl::max_pool2d(t, options); });
}

PlanValue FrozenPlanBuilder::average_pool(const PlanValue& x, const AveragePool2dOptions& options) {
  const AveragePool2dProblem p = average_pool2d_problem("frozen: average_pool2d", x.shape, options);
  return op(x, {p.n, p.rows.outputs, p.columns.outputs, p.c},
            [options](const Tensor& t) { return tl::average_pool2d(t, options); });
}

PlanValue FrozenPlanBuilder::subsample(const PlanValue& x, std::int64_t stride, std::int64_t before,
                                       std::int64_t after) {
  const auto left = [stride](std::int64_t extent) { return (extent + stride - 1) / stride; };
  const Shape& in = x.shape;
  return op(x, {in[0], left(in[1]), left(in[2]), before + in[3] + after}, [=](const Tensor& t) {
    const Tensor rows = slice(t, 1, 0, t.shape()[1], stride);
    return pad(slice(rows, 2, 0, t.shape()[2], stride), {0, 0, 0, before}, {0, 0, 0, after});
  });
}

}  // namespace

FrozenNetwork::FrozenNetwork(const Module& module)
    : FrozenNetwork(module, [&module](PlanBuilder& plan, const PlanValue& x) {
        return module.lower(plan, x);
      }) {}

FrozenNetwork::FrozenNetwork(const Module& module, Lower lower)
    : lower_(std::move(lower)), state_(module.state()) {
  check(!state_.empty(), "frozen: the module has no parameters");
  where_ = {state_[0].tensor.dtype(), state_[0].tensor.device()};
  pool_ = std::make_shared<MemoryPool>(where_.device);
}

void FrozenNetwork::check_unchanged() const {
  for (const auto& [modules, folded] : folded_) {
    for (const auto& [tensor, version] : folded.sources) {
      if (tensor.version() == version) continue;
      const auto is_it = [&](const NamedTensor& s) { return s.tensor.impl() == tensor.impl(); };
      const auto named = std::find_if(state_.begin(), state_.end(), is_it);
      throw Error(concat("frozen: ", named == state_.end() ? "a tensor" : named->name,
                         " was changed after the network was frozen"));
    }
  }
}

Tensor FrozenNetwork::operator()(const Tensor& x) {
  NoGrad no_grad;
  check_unchanged();
  check(x.dtype() == where_.dtype && x.device() == where_.device, "frozen: the network is ",
        where_.dtype, " on ", where_.device, ", the input ", x.dtype(), " on ", x.device());
  auto entry = plans_.find(x.shape().dims());
  if (entry == plans_.end()) {
    FrozenPlanBuilder builder(where_, folded_);
    Plan plan = builder.finish(lower_(builder, builder.input(x.shape())));
    entry = plans_.try_emplace(x.shape().dims(), std::move(plan), where_.device, pool_).first;
  }
  Compiled& compiled = entry->second;
  if (!CapturedStep::is_possible(where_.device)) return compiled.plan.run(x);
  if (!compiled.x) compiled.x = Tensor::empty_like(x);
  compiled.x.copy_from(x);
  compiled.captured.run([&compiled] { compiled.y = compiled.plan.run(compiled.x); });
  return compiled.y.clone();
}

}  // namespace tl
