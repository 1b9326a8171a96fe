// Tensor: a value handle on an array of numbers: shape, dtype, device, shared storage, gradient,
// and the edge to the tape. Copying a Tensor copies the handle, not the numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/device.h"
#include "engine/shape.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

class Node;
class RemadeTensor;
class Storage;
struct TensorImpl;

class Tensor {
 public:
  /// No tensor at all: what an absent gradient or an absent bias is.
  Tensor() = default;
  explicit operator bool() const { return impl_ != nullptr; }

  /// Contents undefined; the caller writes every element. At most 2^62 bytes.
  static Tensor empty(Shape shape, DType dtype, Device device);
  static Tensor empty_like(const Tensor& x) { return empty(x.shape(), x.dtype(), x.device()); }
  /// Every element = value, rounded; throws when an integer dtype does not hold it.
  static Tensor full(Shape shape, double value, DType dtype, Device device);
  static Tensor zeros(Shape shape, DType dtype, Device device) {
    return full(std::move(shape), 0, dtype, device);
  }
  static Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype(), x.device()); }
  /// A copy of `values`, row-major, converted to `dtype`; T is float, double, BFloat16, int32 or
  /// uint8.
  /// Conversions, here and below: a float dtype rounds; an integer dtype drops the fraction, and a
  /// number beyond its range or a NaN throws.
  template <class T>
  static Tensor from(std::span<const T> values, Shape shape, DType dtype, Device device);
  template <class T>
  static Tensor from(const std::vector<T>& values, Shape shape, DType dtype, Device device) {
    return from(std::span<const T>(values), std::move(shape), dtype, device);
  }
  /// On `ref`, the numbers where they are, row-major and aligned to the element: not copied, and
  /// not to be written to by anybody while a tensor has them. writable() throws.
  static Tensor sharing(std::shared_ptr<const void> values, Shape shape, DType dtype);

  const Shape& shape() const;
  DType dtype() const;
  Device device() const;
  std::int64_t size() const { return shape().size(); }
  int rank() const { return shape().rank(); }

  /// The numbers, converted to T, row-major, on the host.
  template <class T>
  std::vector<T> to_vector() const;
  /// The single element; throws when there is not exactly one.
  double item() const;

  // What follows up to rows() is not recorded on the tape, so it throws for a tensor that needs a
  // gradient, which would be lost; detached() says that this is meant. The op is reshape, in ops.h.

  /// The same numbers elsewhere: copies unless device and dtype are already so.
  Tensor to(Device device, DType dtype) const;
  Tensor clone() const;
  /// Overwrites this tensor's numbers, in place, with those of `x`: same shape and dtype, no
  /// overlap. A leaf that wants a gradient may be overwritten, the result of a recorded op not: its
  /// gradient would still be that of the old numbers.
  void copy_from(const Tensor& x) const;
  /// The same storage under another shape, or rows [begin, end) of the outermost dimension: views.
  Tensor viewed_as(Shape shape) const;
  Tensor rows(std::int64_t begin, std::int64_t end) const;

  /// What kernels are handed. writable() counts as a write: it bumps the storage's version.
  ConstView readable() const;
  View writable() const;
  const Backend& backend() const { return tl::backend(device()); }
  /// The current stream of its device.
  Stream stream() const;
  std::uint64_t version() const;
  /// Whether another handle, view or saved value holds the same storage.
  bool shares_storage() const;

  /// Whether backward will compute a gradient for it or through it.
  bool requires_grad() const;
  /// Marks a leaf (a parameter) as wanting a gradient; throws for the result of a recorded op.
  const Tensor& set_requires_grad(bool wanted = true) const;
  /// The sum of the gradients of all backward passes since it was last cleared; absent before.
  Tensor grad() const;
  /// Of the tensor's shape, dtype and device, or absent.
  void set_grad(Tensor gradient) const;
  void clear_grad() const { set_grad({}); }
  /// The same numbers (a view) without the edge to the tape.
  Tensor detached() const;

  /// The tape's own access.
  const std::shared_ptr<TensorImpl>& impl() const { return impl_; }
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}

 private:
  /// A tensor without edge to the tape on this one's storage, `offset` elements after its first.
  Tensor view(Shape shape, std::int64_t offset) const;

  std::shared_ptr<TensorImpl> impl_;
};

/// Sees a gradient, and may return another in its place (register_hook in autograd.h).
using GradientHook = std::function<Tensor(const Tensor& gradient)>;

struct TensorImpl {
  Shape shape;
  DType dtype = DType::f32;
  std::shared_ptr<Storage> storage;
  std::int64_t offset = 0;  ///< first element, in elements
  bool leaf_requires_grad = false;
  Tensor grad;
  std::shared_ptr<Node> node;            ///< the op that made it, if recorded
  std::vector<GradientHook> hooks;       ///< of a leaf
  std::shared_ptr<RemadeTensor> recipe;  ///< how backward has it made again, if not kept
};

}  // namespace tl
