// The plugin's entry point; table.h says what it hands over.
#include <cstring>

#ifdef TL_VENDOR_CUBLAS
#include "kernels/cuda/vendor/cublas_gemm.h"
#endif
#ifdef TL_VENDOR_CUDNN
#include "kernels/cuda/vendor/cudnn_batch_norm.h"
#include "kernels/cuda/vendor/cudnn_conv2d.h"
#include "kernels/cuda/vendor/cudnn_pool2d.h"
#endif
#include "kernels/cuda/vendor/table.h"

namespace tl::vendor {
namespace {

VendorTable make_table() {
  VendorTable table{};
#ifdef TL_VENDOR_CUBLAS
  table.gemm = cublas_gemm();
  table.gemm_tf32 = cublas_gemm_tf32();
#endif
#ifdef TL_VENDOR_CUDNN
  table.forward = cudnn_forward();
  table.forward_tf32 = cudnn_forward_tf32();
  table.backward_data = cudnn_backward_data();
  table.backward_data_tf32 = cudnn_backward_data_tf32();
  table.backward_weight = cudnn_backward_weight();
  table.backward_weight_tf32 = cudnn_backward_weight_tf32();
  table.train = cudnn_train();
  table.train_backward = cudnn_train_backward();
  table.max_pool = cudnn_max_pool();
  table.average_pool = cudnn_average_pool();
  table.average_pool_backward = cudnn_average_pool_backward();
#endif
  return table;
}

}  // namespace
}  // namespace tl::vendor

extern "C" __attribute__((visibility("default"))) const tl::vendor::VendorTable*
tlrun_cuda_vendor_table(const char* version, const tl::vendor::Layout* program) {
  static const tl::vendor::VendorTable table = tl::vendor::make_table();
  const bool is_ours = std::strcmp(version, TL_VERSION) == 0 && *program == tl::vendor::layout();
  return is_ours ? &table : nullptr;
}
