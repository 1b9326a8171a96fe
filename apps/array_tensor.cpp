#include "apps/array_tensor.h"

namespace tl {
namespace {

/// Calls f(T{}) with the C++ type of `dtype`.
template <class F>
auto with_type(DType dtype, const F& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::u8:
      return f(std::uint8_t{});
  }
  throw Error("array: no such dtype");
}

}  // namespace

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
