// FrozenNetwork: the compiled form of a network, or of a prefix of one, whose parameters no longer
// change. Batch norm is folded into the convolutions, weights are prepared once for the chosen
// variant, and bias + residual + ReLU happen in the convolution's epilogue. Where the device can, a
// plan (plan.h) that is run again is captured. Modules lower themselves onto a PlanBuilder
// (plan_builder.h); FrozenNetwork keeps one plan per input shape and the weights that all of them
// share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/captured_step.h"
#include "nn/fold.h"
#include "nn/module.h"
#include "nn/plan.h"
#include "nn/plan_builder.h"

namespace tl {

/// A filter with its batch norm folded in, and its prepared forms by variant: made once, used by
/// the plans of all shapes. A prepared form is laid out for the backend, and on cpu for the SIMD
/// target, in force when it was made: neither may be changed while a FrozenNetwork is in use.
struct FoldedConv {
  struct Source {
    Tensor tensor;
    std::uint64_t version;  ///< when it was folded
  };
  FoldedFilter filter;
  std::map<std::string, Tensor> prepared;
  std::vector<Source> sources;  ///< what it was made from

  /// The filter in the form that `variant` takes for `p`; made at the first call.
  const Tensor& prepared_for(const Variant<Conv2dProblem, Conv2dForwardArgs>& variant,
                             const Conv2dProblem& p, Device device);
};
using FoldedConvs = std::map<std::pair<const Conv2d*, const BatchNorm2d*>, FoldedConv>;

class FrozenNetwork {
 public:
  /// Lowers `module` itself, or what `lower` says: a prefix of a network is a function that stops
  /// early. The module must outlive this.
  using Lower = std::function<PlanValue(PlanBuilder&, const PlanValue&)>;
  explicit FrozenNetwork(const Module& module);
  FrozenNetwork(const Module& module, Lower lower);

  /// The network's evaluation-mode result; x [n, h, w, c]. The first call of a shape compiles its
  /// plan. Throws if a filter or batch norm was changed after it was folded; linear layers are read
  /// at each run, as they are then. Records no gradient.
  Tensor operator()(const Tensor& x);

 private:
  struct Compiled {
    Plan plan;
    Tensor x, y;  ///< of the captured form
    CapturedStep captured;

    Compiled(Plan p, Device device, std::shared_ptr<MemoryPool> pool)
        : plan(std::move(p)), captured(device, std::move(pool)) {}
  };

  void check_unchanged() const;

  Placement where_;
  Lower lower_;
  std::vector<NamedTensor> state_;  // the module's
  FoldedConvs folded_;
  std::shared_ptr<MemoryPool> pool_;                     // of all captured plans
  std::map<std::vector<std::int64_t>, Compiled> plans_;  // by input shape
};

}  // namespace tl
