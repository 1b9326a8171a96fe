#include "apps/demo/views.h"

#include <algorithm>

namespace tl {

void turn_picture(const float* x, float* y, std::int64_t side, std::int64_t channels, int view) {
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t column = 0; column < side; ++column) {
      std::int64_t h = view & 1 ? side - 1 - row : row;
      std::int64_t w = view & 2 ? side - 1 - column : column;
      if (view & 4) std::swap(h, w);
      y = std::copy_n(x + (h * side + w) * channels, channels, y);
    }
  }
}

BatchSource with_random_views(BatchSource next, std::int64_t side, std::int64_t channels,
                              Generator& random) {
  return [=, &random, next = std::move(next)](Batch& batch) {
    if (!next(batch)) return false;
    const std::vector<double> dice = random.uniform(batch.size());
    std::vector<float> turned(batch.pixels.size());
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      const std::int64_t at = i * side * side * channels;
      turn_picture(batch.pixels.data() + at, turned.data() + at, side, channels,
                   static_cast<int>(dice[static_cast<std::size_t>(i)] * kViews));
    }
    batch.pixels = std::move(turned);
    return true;
  };
}

}  // namespace tl
