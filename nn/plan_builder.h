// PlanBuilder: what modules describe their evaluation to. Module::lower calls it, step by step, for
// a network that shall run compiled (frozen.h), or be written for another program.
#pragma once

#include "engine/ops.h"
#include "engine/shape.h"

namespace tl {

class BatchNorm2d;
class Conv2d;

/// The input, or the result of a step that is still to be run.
struct PlanValue {
  int index = 0;  ///< 0: the input; i: the result of step i, counted from 1
  Shape shape;
};

/// What happens to a convolution's result before it is written.
struct ConvEpilogue {
  const PlanValue* residual = nullptr;
  bool relu = false;
};

/// Takes steps. Pictures are [n, h, w, c]; a picture's result depends on that picture alone.
class PlanBuilder {
 public:
  virtual ~PlanBuilder() = default;

  /// The convolution, then the batch norm (in evaluation mode; may be null), then the epilogue.
  virtual PlanValue conv(const PlanValue& x, const Conv2d& conv, const BatchNorm2d* norm,
                         ConvEpilogue epilogue = {}) = 0;
  virtual PlanValue relu(const PlanValue& x) = 0;
  virtual PlanValue max_pool(const PlanValue& x, const MaxPool2dOptions& options) = 0;
  virtual PlanValue average_pool(const PlanValue& x, const AveragePool2dOptions& options) = 0;
  /// [n, h, w, c] to [n, c].
  virtual PlanValue global_average_pool(const PlanValue& x) = 0;
  /// Every stride-th pixel, from the first on, with `before` channels of zeros before its own and
  /// `after` behind them.
  virtual PlanValue subsample(const PlanValue& x, std::int64_t stride, std::int64_t before,
                              std::int64_t after) = 0;
  /// x [n, in] to [n, out].
  virtual PlanValue linear(const PlanValue& x, const Tensor& weight, const Tensor& bias) = 0;
};

}  // namespace tl
