// conv2d.backward_data "implicit_gemm": conv2d_backward_data_tiles.cuh on register tiles, in f32
// and bf16.
#include "kernels/cuda/conv2d_backward_data_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using Pass = BackwardDataOnTiles<RegisterKind>;

}  // namespace

void conv2d_backward_data_implicit_gemm(Stream stream, const Conv2dProblem& p,
                                        const Conv2dBackwardDataArgs& args) {
  Pass::run(stream, p, args);
}

void add_conv2d_backward_data_implicit_gemm(Conv2dKernels& kernels) {
  kernels.backward_data.add(
      {.name = "implicit_gemm", .supports = Pass::supports, .run = Pass::run, .cost = Pass::cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
