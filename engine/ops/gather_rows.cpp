// gather_rows: y[i] = x[index[i]]        dx[r] = sum of dy[i] over the i with index[i] = r
// saved: index
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {

Tensor gather_rows(const Tensor& x, const Tensor& index) {
  check(x.rank() >= 1, "gather_rows: needs a tensor of rows, got ", x.shape());
  check(index.rank() == 1 && index.dtype() == DType::i32,
        "gather_rows: index must be i32 [n], got ", index.dtype(), " ", index.shape());
  check(index.device() == x.device(), "gather_rows: index is on ", index.device(),
        ", the input on ", x.device());
  for (const std::int32_t row : index.to_vector<std::int32_t>()) {
    check(0 <= row && row < x.shape()[0], "gather_rows: index ", row, " is not one of ",
          x.shape()[0], " rows");
  }
  std::vector<std::int64_t> extents = x.shape().dims();
  extents[0] = index.size();
  const std::int64_t columns = Shape({extents.begin() + 1, extents.end()}).size();

  const Tensor y = Tensor::empty(Shape(extents), x.dtype(), x.device());
  y.backend().gather.rows(y.stream(), columns, x.readable(), index.readable(), y.writable());
  return record("gather_rows", y, {x},
                [columns, shape = x.shape(), index = Saved("gather_rows", index)](const Tensor& dy,
                                                                                  const Needs&) {
                  const Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
                  dx.backend().gather.rows_backward(dx.stream(), columns, dy.readable(),
                                                    index.get().readable(), dx.writable());
                  return Gradients{dx};
                });
}

}  // namespace tl
