// ref: naive loops in f32 and f64, one file per contract. Read a contract, then its file here: it
// is the formula as a program, and what every other backend is tested against.
#include "kernels/ref/install.h"

namespace tl {

Backend ref_backend() {
  Backend b{};
  b.name = "ref";
  ref::install_memory(b);
  ref::install_streams(b);
  ref::install_strided(b);
  ref::install_gather(b);
  ref::install_elementwise(b);
  ref::install_reduce(b);
  ref::install_gemm(b);
  ref::install_conv2d(b);
  ref::install_batch_norm(b);
  ref::install_max_pool2d(b);
  ref::install_average_pool2d(b);
  ref::install_global_average_pool(b);
  ref::install_softmax(b);
  ref::install_log_softmax(b);
  ref::install_cross_entropy(b);
  ref::install_dropout(b);
  ref::install_gradient_norm(b);
  ref::install_sgd(b);
  ref::install_adam(b);
  ref::install_preprocess(b);
  return b;
}

}  // namespace tl
