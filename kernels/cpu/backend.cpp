// cpu: f32 kernels for the host, vectorised and multi-threaded, one file per contract.
#include "kernels/cpu/install.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/ref/install.h"

namespace tl {

Backend cpu_backend() {
  Backend b{};
  b.name = "cpu";
  cpu::use_simd_target_from_environment();
  ref::install_memory(b);  // the same memory: buffers pass between the two freely
  ref::install_streams(b);
  cpu::install_cast(b);
  cpu::install_strided(b);
  cpu::install_gather(b);
  cpu::install_elementwise(b);
  cpu::install_reduce(b);
  cpu::install_gemm(b);
  cpu::install_conv2d(b);
  cpu::install_batch_norm(b);
  cpu::install_max_pool2d(b);
  cpu::install_average_pool2d(b);
  cpu::install_global_average_pool(b);
  cpu::install_softmax(b);
  cpu::install_log_softmax(b);
  cpu::install_cross_entropy(b);
  cpu::install_dropout(b);
  cpu::install_gradient_norm(b);
  cpu::install_sgd(b);
  cpu::install_adam(b);
  return b;
}

}  // namespace tl
