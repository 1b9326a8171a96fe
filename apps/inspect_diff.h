// Two weights files, tensor by tensor, under torchvision's names and in its axis orders.
#pragma once

#include <string>
#include <vector>

#include "apps/inspect_weights.h"
#include "apps/tensor_stats.h"

namespace tl {

/// A tensor that both files have, in one shape but not in the same numbers.
struct DifferentTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  TensorDistance distance;
};
/// One that both have, in different shapes.
struct DifferentShape {
  std::string name;
  std::vector<std::int64_t> a, b;
};

/// PyTorch's counters (num_batches_tracked) are passed over: no result depends on them.
struct WeightsDiff {
  std::vector<std::string> only_in_a, only_in_b;
  std::vector<DifferentShape> shapes;
  std::vector<DifferentTensor> tensors;
  std::size_t equal = 0;  ///< tensors with the same numbers, bit for bit
  std::vector<std::string>
      attributes;  ///< of classes and preprocessing: what both state differently

  bool is_empty() const {
    return only_in_a.empty() && only_in_b.empty() && shapes.empty() && tensors.empty() &&
           attributes.empty();
  }
};
WeightsDiff diff_of(const InspectedFile& a, const InspectedFile& b);

void print_diff(const InspectedFile& a, const InspectedFile& b, const WeightsDiff& diff);
void print_diff_as_json(const InspectedFile& a, const InspectedFile& b, const WeightsDiff& diff);

}  // namespace tl
