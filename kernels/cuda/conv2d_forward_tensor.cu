// conv2d.forward "implicit_gemm_bf16", "implicit_gemm_tf32": conv2d_forward_tiles.cuh on tensor
// cores. bf16 storage: what enters a product is bf16, after the prologue too, and sums are f32. f32
// storage: what enters a product is rounded to TF32. Never chosen by cost: they have not run on a
// GPU, and TF32 rounds more than the contract says.
#include "kernels/cuda/conv2d_forward_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using Pass = ForwardOnTiles<TensorKind>;

template <DType dtype>
bool supports(const Conv2dProblem& p) {
  return p.x_dtype == dtype && Pass::supports(p);
}

}  // namespace

void add_conv2d_forward_tensor(Conv2dKernels& kernels) {
  kernels.forward.add({.name = "implicit_gemm_bf16",
                       .supports = supports<DType::bf16>,
                       .workspace_bytes = Pass::workspace_bytes,
                       .run = Pass::run,
                       .cost = Pass::cost,
                       .on_request = true});
  kernels.forward.add({.name = "implicit_gemm_tf32",
                       .supports = supports<DType::f32>,
                       .workspace_bytes = Pass::workspace_bytes,
                       .run = Pass::run,
                       .cost = Pass::cost,
                       .on_request = true});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
