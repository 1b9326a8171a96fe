// run_variant: chooses a variant once, gives it prepared weights and scratch, runs it.
#pragma once

#include "engine/tensor.h"
#include "engine/tuning.h"
#include "kernels/variant.h"

namespace tl {

inline Tensor scratch(std::int64_t bytes, Device device) {
  return Tensor::empty({bytes}, DType::u8, device);
}

/// Runs `variant`. `args` is complete but for its workspace and, where the variant prepares, its
/// weights: those are prepared here from args.*weights, for this one run. (A frozen network
/// prepares once instead.)
template <class Problem, class Args>
void run_this_variant(const Tensor& y, const Variant<Problem, Args>& variant,
                      const Problem& problem, Args args, ConstView Args::*weights = nullptr) {
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

/// The same with the variant that the slot chooses, or that is found to be the fastest (tuning.h):
/// then the outputs are written several times.
template <class Problem, class Args>
void run_variant(const Tensor& y, const VariantSlot<Problem, Args>& slot, const Problem& problem,
                 const Args& args, ConstView Args::*weights = nullptr) {
  const auto run = [&](const Variant<Problem, Args>& variant) {
    run_this_variant(y, variant, problem, args, weights);
  };
  Tuning* tuning = Tuning::current();
  run(tuning ? tuning->fastest(slot, problem, run) : slot.choose(problem));
}

}  // namespace tl
