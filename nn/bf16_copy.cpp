#include "nn/bf16_copy.h"

#include "engine/ops.h"

namespace tl {

const Tensor& Bf16Copy::get() {
  if (!copy_ || version_ != parameter_.version()) {
    copy_ = cast(parameter_.detached(), DType::bf16);
    written();
  }
  return copy_;
}

}  // namespace tl
