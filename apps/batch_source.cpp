#include "apps/batch_source.h"

#include <algorithm>

#include "kernels/error.h"

namespace tl {

BatchSource batches_of(std::span<const float> pixels, std::span<const std::int32_t> labels,
                       std::vector<std::int64_t> order, std::int64_t batch_size) {
  check(batch_size > 0, "batches: size ", batch_size, " must be positive");
  check(!labels.empty() && pixels.size() % labels.size() == 0, "batches: ", pixels.size(),
        " values for ", labels.size(), " labels");
  const std::size_t picture = pixels.size() / labels.size();
  std::size_t position = 0;
  return [=, order = std::move(order)](Batch& batch) mutable {
    const std::size_t end = std::min(order.size(), position + static_cast<std::size_t>(batch_size));
    batch = {};
    batch.pixels.reserve((end - position) * picture);
    for (; position < end; ++position) {
      const auto index = static_cast<std::size_t>(order[position]);
      check(index < labels.size(), "batches: picture ", order[position], " of ", labels.size());
      const auto row = pixels.subspan(index * picture, picture);
      batch.pixels.insert(batch.pixels.end(), row.begin(), row.end());
      batch.labels.push_back(labels[index]);
      batch.indices.push_back(order[position]);
    }
    return batch.size() > 0;
  };
}

}  // namespace tl
