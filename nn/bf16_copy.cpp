#include "nn/bf16_copy.h"

#include "engine/captured_step.h"

namespace tl {

const Tensor& Bf16Copy::get() {
  if (!copy_) {
    const OutsideCapture outside;
    copy_ = Tensor::empty(parameter_.shape(), DType::bf16, parameter_.device());
    version_ = parameter_.version() - 1;
  }
  host_part([this] { refresh(); });
  return copy_;
}

void Bf16Copy::refresh() {
  if (version_ == parameter_.version()) return;
  copy_.backend().memory.cast(copy_.stream(), parameter_.readable(), copy_.writable());
  written();
}

}  // namespace tl
