// What cuda and simt have of gemm.
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {

void install_gemm(Backend& b) {
  add_gemm_naive(b.gemm);
  add_gemm_shared_tiles(b.gemm);
  add_gemm_register_tiles(b.gemm);
  add_gemm_split_k(b.gemm);
  add_gemm_tensor(b.gemm);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
