// conv2d.backward_data "implicit_gemm_bf16", "implicit_gemm_tf32": conv2d_backward_data_tiles.cuh
// on tensor cores (conv2d_tensor.cuh).
#include "kernels/cuda/conv2d_backward_data_tiles.cuh"
#include "kernels/cuda/conv2d_tensor.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

void add_conv2d_backward_data_tensor(Conv2dKernels& kernels) {
  add_conv2d_tensor_variants<BackwardDataOnTiles<TensorKind>>(kernels.backward_data);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
