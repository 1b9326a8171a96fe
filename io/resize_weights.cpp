#include "io/resize_weights.h"

#include <algorithm>
#include <cmath>

namespace tl {

ResizeWeights bilinear_weights(int64_t in, int64_t out, int64_t window_begin, int64_t window_size) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double reach = std::max(scale, 1.0);
  const double inverse_reach = 1.0 / reach;

  ResizeWeights table;
  table.stride = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  table.first.resize(static_cast<size_t>(window_size));
  table.count.resize(static_cast<size_t>(window_size));
  table.weights.resize(static_cast<size_t>(window_size * table.stride));

  std::vector<double> exact(static_cast<size_t>(table.stride));
  for (int64_t i = 0; i < window_size; ++i) {
    const double center = (static_cast<double>(window_begin + i) + 0.5) * scale;
    const int64_t first = std::max(static_cast<int64_t>(center - reach + 0.5), int64_t{0});
    const int64_t last = std::min(static_cast<int64_t>(center + reach + 0.5), in);
    const int64_t count = last - first;
    double sum = 0;
    for (int64_t t = 0; t < count; ++t) {
      const double distance = (static_cast<double>(t + first) - center + 0.5) * inverse_reach;
      const double weight = std::max(1.0 - std::abs(distance), 0.0);
      exact[static_cast<size_t>(t)] = weight;
      sum += weight;
    }
    int32_t* weights = table.weights.data() + i * table.stride;
    for (int64_t t = 0; t < count; ++t) {
      double weight = exact[static_cast<size_t>(t)];
      if (sum != 0) weight /= sum;
      weights[t] = static_cast<int32_t>(0.5 + weight * (1 << resize_weight_bits));
    }
    table.first[static_cast<size_t>(i)] = first;
    table.count[static_cast<size_t>(i)] = count;
  }
  return table;
}

}  // namespace tl
