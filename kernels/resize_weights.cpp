#include "kernels/resize_weights.h"

#include <algorithm>
#include <cmath>

namespace tl {
namespace {

/// One resize, in Pillow's numbers.
struct Scale {
  double scale, reach;  // of an output, in inputs: the distance of two; how far it looks

  Scale(std::int64_t in, std::int64_t out)
      : scale(static_cast<double>(in) / static_cast<double>(out)), reach(std::max(scale, 1.0)) {}

  double centre(std::int64_t i) const { return (static_cast<double>(i) + 0.5) * scale; }
  ResizeInputs inputs(std::int64_t in, std::int64_t i) const {
    const std::int64_t first =
        std::max(static_cast<std::int64_t>(centre(i) - reach + 0.5), std::int64_t{0});
    const std::int64_t last = std::min(static_cast<std::int64_t>(centre(i) + reach + 0.5), in);
    return {first, last - first};
  }
};

}  // namespace

ResizeInputs resize_inputs(std::int64_t in, std::int64_t out, std::int64_t i) {
  return Scale(in, out).inputs(in, i);
}

std::int64_t most_resize_inputs(std::int64_t in, std::int64_t out) {
  return static_cast<std::int64_t>(std::ceil(Scale(in, out).reach)) * 2 + 1;
}

ResizeWeights bilinear_weights(std::int64_t in, std::int64_t out, std::int64_t window_begin,
                               std::int64_t window_size) {
  const Scale scale(in, out);
  const double inverse_reach = 1.0 / scale.reach;

  ResizeWeights table;
  table.stride = most_resize_inputs(in, out);
  table.first.resize(static_cast<std::size_t>(window_size));
  table.count.resize(static_cast<std::size_t>(window_size));
  table.weights.resize(static_cast<std::size_t>(window_size * table.stride));

  std::vector<double> exact(static_cast<std::size_t>(table.stride));
  for (std::int64_t i = 0; i < window_size; ++i) {
    const double center = scale.centre(window_begin + i);
    const auto [first, count] = scale.inputs(in, window_begin + i);
    double sum = 0;
    for (std::int64_t t = 0; t < count; ++t) {
      const double distance = (static_cast<double>(t + first) - center + 0.5) * inverse_reach;
      const double weight = std::max(1.0 - std::abs(distance), 0.0);
      exact[static_cast<std::size_t>(t)] = weight;
      sum += weight;
    }
    std::int32_t* weights = table.weights.data() + i * table.stride;
    for (std::int64_t t = 0; t < count; ++t) {
      double weight = exact[static_cast<std::size_t>(t)];
      if (sum != 0) weight /= sum;
      weights[t] = static_cast<std::int32_t>(0.5 + weight * (1 << resize_weight_bits));
    }
    table.first[static_cast<std::size_t>(i)] = first;
    table.count[static_cast<std::size_t>(i)] = count;
  }
  return table;
}

}  // namespace tl
