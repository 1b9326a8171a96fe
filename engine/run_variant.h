// run_variant: chooses a variant once, gives it prepared weights and scratch, runs it.
#pragma once

#include "engine/tensor.h"
#include "kernels/variant.h"

namespace tl {

inline Tensor scratch(std::int64_t bytes, Device device) {
  return Tensor::empty({bytes}, DType::u8, device);
}

/// `args` is complete but for its workspace and, where the variant prepares, its weights: those are
/// prepared here from args.*weights, for this one run. (A frozen network prepares once instead.)
template <class Problem, class Args>
void run_variant(const Tensor& y, const VariantSlot<Problem, Args>& slot, const Problem& problem,
                 Args args, ConstView Args::*weights = nullptr) {
  const auto& variant = slot.choose(problem);
  Tensor prepared, workspace;
  if (const std::int64_t bytes = variant.prepared_size(problem); bytes > 0 && weights) {
    prepared = scratch(bytes, y.device());
    variant.prepare(y.stream(), problem, args.*weights, prepared.writable());
    args.*weights = prepared.readable();
  }
  if (const std::int64_t bytes = variant.workspace_size(problem); bytes > 0) {
    workspace = scratch(bytes, y.device());
    if constexpr (requires { args.workspace; }) args.workspace = workspace.writable();
  }
  variant(y.stream(), problem, args);
}

}  // namespace tl
