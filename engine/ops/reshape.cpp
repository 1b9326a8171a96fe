// reshape: the same numbers in the same order        dx = dy in x's shape        saved: nothing
#include "engine/ops.h"

namespace tl {

Tensor reshape(const Tensor& x, Shape shape) {
  check(shape.size() == x.size(), "reshape: ", x.shape(), " does not fit ", shape);
  return record("reshape", x.detached().viewed_as(std::move(shape)), {x},
                [shape = x.shape()](const Tensor& dy, const Needs&) {
                  return Gradients{dy.viewed_as(shape)};
                });
}

}  // namespace tl
