// conv2d.backward_weight "implicit_gemm_bf16", "implicit_gemm_tf32":
// conv2d_backward_weight_tiles.cuh on tensor cores (conv2d_tensor.cuh).
#include "kernels/cuda/conv2d_backward_weight_tiles.cuh"
#include "kernels/cuda/conv2d_tensor.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

void add_conv2d_backward_weight_tensor(Conv2dKernels& kernels) {
  add_conv2d_tensor_variants<BackwardWeightOnTiles<TensorKind>>(kernels.backward_weight);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
