// What `cpu` has of gemm.
#include "kernels/cpu/gemm_variants.h"
#include "kernels/cpu/install.h"

namespace tl::cpu {

void install_gemm(Backend& b) {
  b.gemm.run.add(gemm_packed());
  b.gemm.run.add(gemm_strassen());
  b.gemm.run.add(gemm_matrix_unit());
}

}  // namespace tl::cpu
