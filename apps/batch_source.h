// BatchSource: pictures of one pass over a set, batch by batch, wherever they come from.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "io/batch_loader.h"

namespace tl {

/// The next pictures into the batch (pixels [n, height, width, channels], preprocessed), as
/// BatchLoader::next; false at the end.
using BatchSource = std::function<bool(Batch&)>;

/// Pictures that are in memory: number order[k] is pixels[order[k] * picture_size ...]. Both spans
/// must outlive the result.
BatchSource batches_of(std::span<const float> pixels, std::span<const std::int32_t> labels,
                       std::vector<std::int64_t> order, std::int64_t batch_size);

}  // namespace tl
