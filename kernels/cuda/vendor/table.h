// VendorTable: what the plugin library libtlrun_cuda_vendor.so hands to the program: variants that
// call cuBLAS and cuDNN. vendor_plugin.cpp beside this folder opens the library when the first of
// them is asked for, so that no program needs those libraries to start.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/average_pool2d.h"
#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"
#include "kernels/max_pool2d.h"

namespace tl::vendor {

struct VendorTable {
  Variant<GemmProblem, GemmArgs> gemm, gemm_tf32;
  Variant<Conv2dProblem, Conv2dForwardArgs> forward, forward_tf32;
  Variant<Conv2dProblem, Conv2dBackwardDataArgs> backward_data, backward_data_tf32;
  Variant<Conv2dProblem, Conv2dBackwardWeightArgs> backward_weight, backward_weight_tf32;
  Variant<BatchNormProblem, BatchNormTrainArgs> train;
  Variant<BatchNormProblem, BatchNormTrainBackwardArgs> train_backward;
  Variant<MaxPool2dProblem, MaxPool2dForwardArgs> max_pool;
  Variant<AveragePool2dProblem, AveragePool2dForwardArgs> average_pool;
  Variant<AveragePool2dProblem, AveragePool2dBackwardArgs> average_pool_backward;
};

/// Sizes of everything that program and plugin hand to each other: a plugin of another build
/// differs in one of them, or in the version.
using Layout = std::array<std::size_t, 15>;
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
          sizeof(BatchNormTrainBackwardArgs),
          sizeof(MaxPool2dProblem),
          sizeof(MaxPool2dForwardArgs),
          sizeof(AveragePool2dProblem),
          sizeof(AveragePool2dForwardArgs),
          sizeof(AveragePool2dBackwardArgs)};
}

/// The library's only symbol. nullptr when `version` or `program` are not its own. A variant of a
/// vendor library that the plugin was built without has no `run`.
inline constexpr const char* kEntryPoint = "tlrun_cuda_vendor_table";
using EntryPoint = const VendorTable* (*)(const char* version, const Layout* program);

}  // namespace tl::vendor
