#include "apps/array_tensor.h"

namespace tl {

Tensor to_tensor(const Array& array) {
  return Tensor::sharing(array.data, Shape(array.shape), array.dtype);
}

Array to_array(const Tensor& x) { return sharing_array(x.detached().clone()); }

Array sharing_array(const Tensor& x) {
  if (memory_space(x.device()) != MemorySpace::host)
    return sharing_array(x.detached().to(Device::ref, x.dtype()));
  const auto owner = std::make_shared<Tensor>(x);
  return {x.shape().dims(), x.dtype(), {owner, static_cast<const std::byte*>(x.readable().data)}};
}

}  // namespace tl
