#include "apps/array_tensor.h"

namespace tl {

Tensor to_tensor(const Array& array) {
  return with_type(array.dtype, [&]<class T>(T) {
    return Tensor::from(array.as<T>(), Shape(array.shape), array.dtype, Device::ref);
  });
}

Array to_array(const Tensor& x) {
  return with_type(
      x.dtype(), [&]<class T>(T) { return Array::copy_of<T>(x.shape().dims(), x.to_vector<T>()); });
}

}  // namespace tl
