#include "apps/force_variant.h"

namespace tl {
namespace {

/// Forces `name` in every one of `slots` that has it.
template <class... Slots>
void force_in(const std::string& name, Slots&... slots) {
  bool found = false;
  std::string known;
  const auto force_if_known = [&](auto& slot) {
    bool here = false;
    for (const auto& variant : slot.all()) {
      here |= name == variant.name;
      known += concat(known.empty() ? "" : ", ", slot.name(), " ", variant.name);
    }
    if (here) slot.force(name);
    found |= here;
  };
  (force_if_known(slots), ...);
  // One that could be there and is not: the slot says why.
  const auto explain = [&](auto& slot) {
    if (!found && slot.is_absent(name)) slot.force(name);
  };
  (explain(slots), ...);
  check(found, "--variant: no variant '", name, "'; there are ", known);
}

}  // namespace

std::unique_ptr<ScopedBackend> force_variant(Device device, const std::string& choice) {
  const std::size_t equals = choice.find('=');
  const std::string slot = choice.substr(0, equals);
  const std::string name = equals == std::string::npos ? "" : choice.substr(equals + 1);
  Backend b = backend(device);
  if (slot == "gemm") {
    force_in(name, b.gemm.run);
  } else if (slot == "conv2d") {
    force_in(name, b.conv2d.forward, b.conv2d.backward_data, b.conv2d.backward_weight);
  } else if (slot == "batch_norm") {
    force_in(name, b.batch_norm.train, b.batch_norm.train_backward, b.batch_norm.eval,
             b.batch_norm.eval_backward);
  } else if (slot == "max_pool2d") {
    force_in(name, b.max_pool2d.forward, b.max_pool2d.backward);
  } else if (slot == "average_pool2d") {
    force_in(name, b.average_pool2d.forward, b.average_pool2d.backward);
  } else {
    throw Error(concat("--variant ", choice,
                       ": needs gemm=, conv2d=, batch_norm=, max_pool2d= or average_pool2d= and a "
                       "name"));
  }
  return std::make_unique<ScopedBackend>(device, std::move(b));
}

}  // namespace tl
