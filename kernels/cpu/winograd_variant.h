// winograd_variant: a variant of conv2d that is a WinogradProduct, forward or the gradient of x,
// out of what is compiled for every instruction set.
#pragma once

#include "kernels/cpu/conv2d_variants.h"

namespace tl::cpu {

template <class Args>
struct WinogradFunctions {
  std::int64_t (*prepared_bytes)(const Conv2dProblem& p);
  void (*prepare)(const Conv2dProblem& p, const float* w, float* prepared);
  std::int64_t (*workspace_bytes)(const Conv2dProblem& p);
  void (*run)(const Conv2dProblem& p, const Args& args);
};

/// In tiles of kTile x kTile outputs; kFunctions returns those of the instruction set that runs.
template <int kTile, class Args, WinogradFunctions<Args> (*kFunctions)()>
Variant<Conv2dProblem, Args> winograd_variant(const char* name,
                                              bool (*supports)(const Conv2dProblem& p)) {
  return {
      .name = name,
      .supports = supports,
      .prepared_bytes = [](const Conv2dProblem& p) { return kFunctions().prepared_bytes(p); },
      .prepare =
          [](Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
            kFunctions().prepare(p, weights.as<float>(), static_cast<float*>(prepared.data));
          },
      .workspace_bytes = [](const Conv2dProblem& p) { return kFunctions().workspace_bytes(p); },
      .run = [](Stream, const Conv2dProblem& p, const Args& args) { kFunctions().run(p, args); },
      .cost = [](const Conv2dProblem& p) { return winograd_cost(p, kTile); }};
}

}  // namespace tl::cpu
