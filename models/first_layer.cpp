#include "models/first_layer.h"

#include "engine/ops.h"

namespace tl {

void adapt_first_layer(std::map<std::string, Tensor>& tensors, std::int64_t channels) {
  const bool is_deep = tensors.contains("conv1.0.weight");
  const std::string name = is_deep ? "conv1.0.weight" : "conv1.weight";
  Tensor& filters = tensors.at(name);
  if (filters.shape()[1] == channels) return;
  check(is_float(filters.dtype()), name, ": file ", filters.dtype(), ", not a float");
  const Tensor share = scale(sum(filters.detached(), {1}, true), 1 / static_cast<double>(channels));
  filters = concat(std::vector<Tensor>(static_cast<std::size_t>(channels), share), 1);
}

}  // namespace tl
