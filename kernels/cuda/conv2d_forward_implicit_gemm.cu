// conv2d.forward "implicit_gemm": conv2d_forward_tiles.cuh on register tiles, in f32 and bf16.
#include "kernels/cuda/conv2d_forward_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using Pass = ForwardOnTiles<RegisterKind>;

}  // namespace

void conv2d_forward_implicit_gemm(Stream stream, const Conv2dProblem& p,
                                  const Conv2dForwardArgs& args) {
  Pass::run(stream, p, args);
}

void add_conv2d_forward_implicit_gemm(Conv2dKernels& kernels) {
  kernels.forward.add({.name = "implicit_gemm",
                       .supports = Pass::supports,
                       .workspace_bytes = Pass::workspace_bytes,
                       .run = Pass::run,
                       .cost = Pass::cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
