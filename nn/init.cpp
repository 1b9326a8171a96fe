#include "nn/init.h"

#include <cmath>

namespace tl {

Tensor uniform_tensor(const Shape& shape, double bound, Generator& random, Placement where) {
  std::vector<double> values = random.uniform(shape.size());
  for (double& v : values) v = bound * (2 * v - 1);
  return Tensor::from(values, shape, where.dtype, where.device);
}

Tensor kaiming_normal_fan_out(const Shape& shape, Generator& random, Placement where) {
  check(shape.rank() == 4, "kaiming_normal_fan_out: needs a filter [c_out, kh, kw, c_in], got ",
        shape);
  const double deviation = std::sqrt(2.0 / static_cast<double>(shape[0] * shape[1] * shape[2]));
  std::vector<double> values = random.normal(shape.size());
  for (double& v : values) v *= deviation;
  return Tensor::from(values, shape, where.dtype, where.device);
}

}  // namespace tl
