// VendorTable: what the plugin library libtlrun_cuda_vendor.so hands to the program: variants that
// call cuBLAS and cuDNN. vendor_plugin.cpp beside this folder opens the library when the first of
// them is asked for, so that no program needs those libraries to start.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"

namespace tl::vendor {

struct VendorTable {
  Variant<GemmProblem, GemmArgs> gemm, gemm_tf32;
  Variant<Conv2dProblem, Conv2dForwardArgs> forward, forward_tf32;
  Variant<Conv2dProblem, Conv2dBackwardDataArgs> backward_data, backward_data_tf32;
  Variant<Conv2dProblem, Conv2dBackwardWeightArgs> backward_weight, backward_weight_tf32;
  Variant<BatchNormProblem, BatchNormTrainArgs> train;
  Variant<BatchNormProblem, BatchNormTrainBackwardArgs> train_backward;
};

/// Sizes of everything that program and plugin hand to each other: a plugin of another build
/// differs in one of them, or in the version.
using Layout = std::array<std::size_t, 10>;
constexpr Layout layout() {
  return {sizeof(VendorTable),
          sizeof(View),
          sizeof(GemmProblem),
          sizeof(GemmArgs),
          sizeof(Conv2dProblem),
          sizeof(Conv2dForwardArgs),
          sizeof(Conv2dBackwardDataArgs),
          sizeof(Conv2dBackwardWeightArgs),
          sizeof(BatchNormProblem),
          sizeof(BatchNormTrainBackwardArgs)};
}

/// The library's only symbol. nullptr when `version` or `program` are not its own. A variant of a
/// vendor library that the plugin was built without has no `run`.
inline constexpr const char* kEntryPoint = "tlrun_cuda_vendor_table";
using EntryPoint = const VendorTable* (*)(const char* version, const Layout* program);

}  // namespace tl::vendor
