// conv2d.backward_weight "implicit_gemm": conv2d_backward_weight_tiles.cuh on register tiles, in
// f32 and bf16.
#include "kernels/cuda/conv2d_backward_weight_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using Pass = BackwardWeightOnTiles<RegisterKind>;

}  // namespace

void conv2d_backward_weight_implicit_gemm(Stream stream, const Conv2dProblem& p,
                                          const Conv2dBackwardWeightArgs& args) {
  Pass::run(stream, p, args);
}

void add_conv2d_backward_weight_implicit_gemm(Conv2dKernels& kernels) {
  kernels.backward_weight.add({.name = "implicit_gemm",
                               .supports = Pass::supports,
                               .workspace_bytes = Pass::workspace_bytes,
                               .run = Pass::run,
                               .cost = Pass::cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
