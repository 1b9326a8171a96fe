// conv2d.forward "implicit_gemm_bf16", "implicit_gemm_tf32": conv2d_forward_tiles.cuh on tensor
// cores (conv2d_tensor.cuh).
#include "kernels/cuda/conv2d_forward_tiles.cuh"
#include "kernels/cuda/conv2d_tensor.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

void add_conv2d_forward_tensor(Conv2dKernels& kernels) {
  add_conv2d_tensor_variants<ForwardOnTiles<TensorKind>>(kernels.forward);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
