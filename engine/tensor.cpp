#include "engine/tensor.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/captured_step.h"
#include "engine/storage.h"
#include "kernels/convert.h"

namespace tl {
namespace {

const TensorImpl& deref(const std::shared_ptr<TensorImpl>& impl) {
  check(impl != nullptr, "tensor: used before it was given a value");
  return *impl;
}

template <class U, class T>
std::vector<U> converted(std::span<const T> values) {
  if constexpr (std::is_integral_v<U>) {
    constexpr double kLeast = std::numeric_limits<U>::min(), kMost = std::numeric_limits<U>::max();
    for (const double v : values) {  // exact: a double holds every T
      check(std::trunc(v) >= kLeast && std::trunc(v) <= kMost, "tensor: ", v, " does not fit into ",
            dtype_of<U>());
    }
  }
  return std::vector<U>(values.begin(), values.end());
}

std::int64_t bytes_of(const Shape& shape, DType dtype) {
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 62;
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  check(shape.size() <= kMostBytes / element, "tensor: ", shape, " ", dtype,
        " needs more than 2^62 bytes");
  return shape.size() * element;
}

std::shared_ptr<TensorImpl> whole(std::shared_ptr<Storage> storage, Shape shape, DType dtype) {
  auto impl = std::make_shared<TensorImpl>();
  impl->shape = std::move(shape);
  impl->dtype = dtype;
  impl->storage = std::move(storage);
  return impl;
}

void check_untracked(const char* function, const Tensor& x) {
  check(!x.requires_grad(), function,
        ": is not recorded, and the tensor needs a gradient; call detached() first");
}

}  // namespace

Tensor Tensor::empty(Shape shape, DType dtype, Device device) {
  auto storage = std::make_shared<Storage>(device, bytes_of(shape, dtype));
  return Tensor(whole(std::move(storage), std::move(shape), dtype));
}

Tensor Tensor::sharing(std::shared_ptr<const void> values, Shape shape, DType dtype) {
  if (shape.size() == 0) return empty(std::move(shape), dtype, Device::ref);
  check(values != nullptr, "tensor: no values for ", shape);
  auto storage = std::make_shared<Storage>(std::move(values), bytes_of(shape, dtype));
  return Tensor(whole(std::move(storage), std::move(shape), dtype));
}

Tensor Tensor::full(Shape shape, double value, DType dtype, Device device) {
  with_type(dtype, [&](auto type) { rounded<decltype(type)>("tensor", value); });
  Tensor y = empty(std::move(shape), dtype, device);
  y.backend().memory.fill(y.stream(), value, y.writable());
  return y;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, Shape shape, DType dtype, Device device) {
  const auto size = static_cast<std::int64_t>(values.size());
  check(shape.size() == size, "tensor: shape ", shape, " does not hold ", size, " values");
  Tensor y = empty(std::move(shape), dtype, device);
  if (size == 0) return y;
  with_type(dtype, [&](auto type) {
    using U = decltype(type);
    if constexpr (std::is_same_v<T, U>) {
      y.backend().memory.copy_from_host(y.stream(), view_of(values.data(), size), y.writable());
    } else {
      const std::vector<U> host = converted<U>(values);
      y.backend().memory.copy_from_host(y.stream(), view_of(host.data(), size), y.writable());
    }
  });
  return y;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  std::vector<T> out;
  if (size() == 0) return out;
  with_type(dtype(), [&](auto type) {
    using U = decltype(type);
    std::vector<U> values(static_cast<std::size_t>(size()));
    backend().memory.copy_to_host(stream(), readable(), view_of(values.data(), size()));
    if constexpr (std::is_same_v<T, U>) {
      out = std::move(values);
    } else {
      out = converted<T>(std::span<const U>(values));
    }
  });
  return out;
}

template Tensor Tensor::from(std::span<const float>, Shape, DType, Device);
template Tensor Tensor::from(std::span<const double>, Shape, DType, Device);
template Tensor Tensor::from(std::span<const BFloat16>, Shape, DType, Device);
template Tensor Tensor::from(std::span<const std::int32_t>, Shape, DType, Device);
template Tensor Tensor::from(std::span<const std::uint8_t>, Shape, DType, Device);
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<BFloat16> Tensor::to_vector() const;
template std::vector<std::int32_t> Tensor::to_vector() const;
template std::vector<std::uint8_t> Tensor::to_vector() const;

double Tensor::item() const {
  check(size() == 1, "item: needs one element, got shape ", shape());
  return to_vector<double>()[0];
}

const Shape& Tensor::shape() const { return deref(impl_).shape; }
DType Tensor::dtype() const { return deref(impl_).dtype; }
Device Tensor::device() const { return deref(impl_).storage->device(); }
Stream Tensor::stream() const { return current_stream(device()); }

Tensor Tensor::to(Device target, DType target_dtype) const {
  check_untracked("to", *this);
  if (target == device() && target_dtype == dtype()) return *this;
  Tensor y;
  if (target_dtype == dtype()) {
    y = empty(shape(), dtype(), target);
    y.copy_from(*this);
    return y;
  }
  with_type(dtype(), [&](auto type) {
    y = from(to_vector<decltype(type)>(), shape(), target_dtype, target);
  });
  return y;
}

Tensor Tensor::clone() const {
  check_untracked("clone", *this);
  Tensor y = empty_like(*this);
  y.copy_from(*this);
  return y;
}

void Tensor::copy_from(const Tensor& x) const {
  check(x.shape() == shape() && x.dtype() == dtype(), "copy_from: needs ", shape(), " ", dtype(),
        ", got ", x.shape(), " ", x.dtype());
  check_untracked("copy_from", x);
  check(impl_->node == nullptr, "copy_from: would overwrite the result of a recorded op");
  const std::int64_t apart = impl_->offset - x.impl_->offset;
  check(impl_->storage != x.impl_->storage || apart >= size() || -apart >= size(),
        "copy_from: source and destination overlap");
  if (size() == 0) return;
  if (memory_space(x.device()) == memory_space(device())) {
    backend().memory.copy(stream(), x.readable(), writable());
  } else {
    with_type(dtype(), [&](auto type) {
      const auto host = x.to_vector<decltype(type)>();
      backend().memory.copy_from_host(stream(), view_of(host.data(), size()), writable());
    });
  }
}

Tensor Tensor::view(Shape shape, std::int64_t offset) const {
  const TensorImpl& own = deref(impl_);
  auto impl = std::make_shared<TensorImpl>();
  impl->shape = std::move(shape);
  impl->dtype = own.dtype;
  impl->storage = own.storage;
  impl->offset = own.offset + offset;
  return Tensor(std::move(impl));
}

Tensor Tensor::viewed_as(Shape new_shape) const {
  check(new_shape.size() == size(), "viewed_as: ", shape(), " does not fit ", new_shape);
  check_untracked("viewed_as", *this);
  return view(std::move(new_shape), 0);
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  check(rank() >= 1 && 0 <= begin && begin <= end && end <= shape()[0], "rows: [", begin, ", ", end,
        ") is not within ", shape());
  check_untracked("rows", *this);
  std::vector<std::int64_t> dims = shape().dims();
  const std::int64_t row_size = dims[0] == 0 ? 0 : size() / dims[0];
  dims[0] = end - begin;
  return view(Shape(std::move(dims)), begin * row_size);
}

Tensor Tensor::detached() const { return view(shape(), 0); }

ConstView Tensor::readable() const {
  const TensorImpl& impl = deref(impl_);
  const auto bytes = impl.offset * static_cast<std::int64_t>(size_of(impl.dtype));
  return {static_cast<const std::byte*>(impl.storage->data()) + bytes, impl.dtype,
          impl.shape.size()};
}

View Tensor::writable() const {
  const TensorImpl& impl = deref(impl_);
  check(!impl.storage->is_read_only(), "tensor: would be written to, but shares memory to be read");
  impl.storage->bump_version();
  log_write(impl.storage);
  const auto bytes = impl.offset * static_cast<std::int64_t>(size_of(impl.dtype));
  return {static_cast<std::byte*>(impl.storage->data()) + bytes, impl.dtype, impl.shape.size()};
}

std::uint64_t Tensor::version() const { return deref(impl_).storage->version(); }

bool Tensor::shares_storage() const {
  const TensorImpl& impl = deref(impl_);
  return impl_.use_count() > 1 || impl.storage.use_count() > 1;
}

bool Tensor::requires_grad() const {
  const TensorImpl& impl = deref(impl_);
  return impl.leaf_requires_grad || impl.node != nullptr;
}

const Tensor& Tensor::set_requires_grad(bool wanted) const {
  deref(impl_);
  check(impl_->node == nullptr, "set_requires_grad: only for leaves, not for the result of an op");
  check(!wanted || is_float(dtype()), "set_requires_grad: needs a float tensor, got ", dtype());
  impl_->leaf_requires_grad = wanted;
  return *this;
}

Tensor Tensor::grad() const { return deref(impl_).grad; }

void Tensor::set_grad(Tensor gradient) const {
  deref(impl_);
  if (gradient) {
    check(
        gradient.shape() == shape() && gradient.dtype() == dtype() && gradient.device() == device(),
        "set_grad: needs ", shape(), " ", dtype(), " on ", device(), ", got ", gradient.shape(),
        " ", gradient.dtype(), " on ", gradient.device());
  }
  impl_->grad = std::move(gradient);
}

}  // namespace tl
