// concat: y = the tensors behind each other along one axis
// dx_i = the part of dy that x_i went to        saved: nothing
#include <limits>

#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/strided_copy.h"

namespace tl {
namespace {

/// The shape of the whole; throws unless the tensors fit together.
Shape concat_shape(const std::vector<Tensor>& tensors, std::size_t axis) {
  const Tensor& first = tensors[0];
  std::vector<std::int64_t> whole = first.shape().dims();
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const Tensor& x = tensors[i];
    check_alike("concat", first, concat("tensor ", i).c_str(), x);
    std::vector<std::int64_t> extents = x.shape().dims();
    const bool alike = extents.size() == whole.size();
    if (alike) {
      check(extents[axis] <= std::numeric_limits<std::int64_t>::max() - whole[axis],
            "concat: more positions along axis ", axis, " than can be counted");
      whole[axis] += extents[axis];
      extents[axis] = first.shape().dims()[axis];
    }
    check(alike && Shape(extents) == first.shape(), "concat: tensor ", i, " is ", x.shape(),
          ", the first ", first.shape(), ": only axis ", axis, " may differ");
  }
  return Shape(whole);
}

}  // namespace

Tensor concat(const std::vector<Tensor>& tensors, int axis) {
  check(!tensors.empty(), "concat: needs a tensor");
  const auto k = static_cast<std::size_t>(checked_axis("concat", tensors[0].shape(), axis));
  const Shape whole = concat_shape(tensors, k);
  const std::vector<std::int64_t> step = contiguous_steps(whole.dims());

  const Tensor y = Tensor::empty(whole, tensors[0].dtype(), tensors[0].device());
  std::vector<Shape> shapes;
  std::int64_t offset = 0;
  for (const Tensor& x : tensors) {
    const std::vector<std::int64_t>& extents = x.shape().dims();
    strided_copy("concat", extents, x, contiguous_steps(extents), 0, y, step, offset);
    offset += extents[k] * step[k];
    shapes.push_back(x.shape());
  }
  return record(
      "concat", y, std::span(tensors), [shapes, k, step](const Tensor& dy, const Needs& needs) {
        Gradients g(shapes.size());
        std::int64_t start = 0;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
          const std::vector<std::int64_t>& extents = shapes[i].dims();
          if (needs[i]) {
            g[i] = Tensor::empty(shapes[i], dy.dtype(), dy.device());
            strided_copy("concat", extents, dy, step, start, g[i], contiguous_steps(extents), 0);
          }
          start += extents[k] * step[k];
        }
        return g;
      });
}

}  // namespace tl
