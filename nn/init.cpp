#include "nn/init.h"

#include <cmath>

namespace tl {

Fans fans_of(const Shape& shape) {
  check(shape.rank() == 2 || shape.rank() == 4, "initialisation: ", shape,
        " is neither a matrix [out, in] nor a filter [c_out, kh, kw, c_in]");
  const std::int64_t window = shape.rank() == 4 ? shape[1] * shape[2] : 1;
  return {static_cast<double>(window * shape[-1]), static_cast<double>(window * shape[0])};
}

Tensor uniform_tensor(const Shape& shape, double bound, Generator& random, Placement where) {
  if (random.is_zero()) return Tensor::zeros(shape, where.dtype, where.device);
  std::vector<double> values = random.uniform(shape.size());
  for (double& v : values) v = bound * (2 * v - 1);
  return Tensor::from(values, shape, where.dtype, where.device);
}

Tensor normal_tensor(const Shape& shape, double deviation, Generator& random, Placement where) {
  if (random.is_zero()) return Tensor::zeros(shape, where.dtype, where.device);
  std::vector<double> values = random.normal(shape.size());
  for (double& v : values) v *= deviation;
  return Tensor::from(values, shape, where.dtype, where.device);
}

Tensor kaiming_normal_fan_out(const Shape& shape, Generator& random, Placement where) {
  return normal_tensor(shape, std::sqrt(2.0 / fans_of(shape).out), random, where);
}

Tensor kaiming_uniform(const Shape& shape, double slope, Generator& random, Placement where) {
  const double bound = std::sqrt(6.0 / ((1 + slope * slope) * fans_of(shape).in));
  return uniform_tensor(shape, bound, random, where);
}

Tensor xavier_uniform(const Shape& shape, Generator& random, Placement where) {
  const Fans fans = fans_of(shape);
  return uniform_tensor(shape, std::sqrt(6.0 / (fans.in + fans.out)), random, where);
}

Tensor xavier_normal(const Shape& shape, Generator& random, Placement where) {
  const Fans fans = fans_of(shape);
  return normal_tensor(shape, std::sqrt(2.0 / (fans.in + fans.out)), random, where);
}

}  // namespace tl
