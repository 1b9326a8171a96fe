#include "engine/tuning.h"

namespace tl {
namespace {

Tuning* innermost = nullptr;

template <class... Slots>
void prefer(const TunedVariants& tuned, Slots&... slots) {
  const auto prefer_in = [&](auto& slot) {
    for (const auto& [key, variant] : tuned) {
      if (key.first == slot.name()) slot.prefer(key.second, variant);
    }
  };
  (prefer_in(slots), ...);
}

}  // namespace

Tuning::Tuning(TunedVariants known) : found_(std::move(known)), outer_(innermost) {
  innermost = this;
}

Tuning::~Tuning() { innermost = outer_; }

Tuning* Tuning::current() { return innermost; }

Backend with_tuned_variants(Device device, const TunedVariants& tuned) {
  Backend b = backend(device);
  prefer(tuned, b.gemm.run, b.conv2d.forward, b.conv2d.backward_data, b.conv2d.backward_weight,
         b.batch_norm.train, b.batch_norm.train_backward, b.batch_norm.eval,
         b.batch_norm.eval_backward, b.max_pool2d.forward, b.max_pool2d.backward,
         b.average_pool2d.forward, b.average_pool2d.backward);
  return b;
}

}  // namespace tl
