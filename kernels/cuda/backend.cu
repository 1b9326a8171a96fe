// cuda and simt: the kernels of this folder, compiled by nvcc for a GPU and by the C++ compiler for
// the host. Which backend this file defines depends on who compiles it.
#include "kernels/cuda/install.h"
#ifdef __CUDACC__
#include "kernels/cuda/vendor_plugin.h"
#include "kernels/cuda/verified.h"
#endif

namespace tl {

namespace TL_DEVICE_NAMESPACE {
namespace {

Backend backend(const char* name) {
  Backend b{};
  b.name = name;
  install_memory(b);
  install_streams(b);
  install_cast(b);
  install_strided(b);
  install_gather(b);
  install_elementwise(b);
  install_elementwise_binary(b);
  install_reduce(b);
  install_gemm(b);
  install_conv2d(b);
  install_batch_norm(b);
  install_max_pool2d(b);
  install_average_pool2d(b);
  install_global_average_pool(b);
  install_softmax(b);
  install_log_softmax(b);
  install_cross_entropy(b);
  install_dropout(b);
  install_gradient_norm(b);
  install_sgd(b);
  install_adam(b);
  install_preprocess(b);
  return b;
}

}  // namespace
}  // namespace TL_DEVICE_NAMESPACE

#ifdef __CUDACC__
Backend cuda_backend() {
  Backend b = cuda::backend("cuda");
  cuda::release_verified(b, cuda::verified_variants());
  cuda::add_vendor_variants(b);
  return b;
}
#else
Backend simt_backend() { return simt::backend("simt"); }
#endif

}  // namespace tl
