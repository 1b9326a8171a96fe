#include "nn/optimizer.h"

#include <algorithm>

namespace tl {

Optimizer::Optimizer(std::vector<NamedTensor> parameters, double rate) : learning_rate(rate) {
  check(!parameters.empty(), "optimizer: there are no parameters");
  for (auto p = parameters.begin(); p != parameters.end(); ++p) {
    const auto twin = std::find_if(parameters.begin(), p, [&](const NamedTensor& other) {
      return other.tensor.impl() == p->tensor.impl();
    });
    check(twin == p, "optimizer: ", p->name, " and ", twin->name, " are one tensor");
    check(p->tensor.device() == parameters[0].tensor.device(), "optimizer: ", p->name, " is on ",
          p->tensor.device(), ", ", parameters[0].name, " on ", parameters[0].tensor.device());
    slots_.push_back({.w = p->tensor, .first = {}, .second = {}});
  }
  state_ = Tensor::zeros({sizeof(StepState)}, DType::u8, slots_[0].w.device());
}

void Optimizer::clear_gradients() {
  for (const Slot& slot : slots_) slot.w.clear_grad();
}

const StepState* Optimizer::begin_step() {
  const StepState state{.learning_rate = learning_rate, .step = ++steps_};
  const ConstView host{&state, DType::u8, sizeof(state)};
  state_.backend().memory.copy_from_host(state_.stream(), host, state_.writable());
  return static_cast<const StepState*>(state_.readable().data);
}

Sgd::Sgd(std::vector<NamedTensor> parameters, double rate, SgdProblem options)
    : Optimizer(std::move(parameters), rate), options_(options) {
  if (options.momentum == 0) return;
  for (Slot& slot : slots_) slot.first = Tensor::zeros_like(slot.w);
}

void Sgd::step() {
  const StepState* state = begin_step();
  std::vector<SgdTensor> tensors;
  for (const Slot& slot : slots_) {
    if (!slot.w.requires_grad() || !slot.w.grad()) continue;
    tensors.push_back({.w = slot.w.writable(),
                       .dw = slot.w.grad().readable(),
                       .velocity = slot.first ? slot.first.writable() : View{}});
  }
  slots_[0].w.backend().sgd.step(slots_[0].w.stream(), options_, tensors, state);
}

Adam::Adam(std::vector<NamedTensor> parameters, double rate, AdamProblem options)
    : Optimizer(std::move(parameters), rate), options_(options) {
  for (Slot& slot : slots_) {
    slot.first = Tensor::zeros_like(slot.w);
    slot.second = Tensor::zeros_like(slot.w);
  }
}

void Adam::step() {
  const StepState* state = begin_step();
  std::vector<AdamTensor> tensors;
  for (const Slot& slot : slots_) {
    if (!slot.w.requires_grad() || !slot.w.grad()) continue;
    tensors.push_back({.w = slot.w.writable(),
                       .dw = slot.w.grad().readable(),
                       .m = slot.first.writable(),
                       .v = slot.second.writable()});
  }
  slots_[0].w.backend().adam.step(slots_[0].w.stream(), options_, tensors, state);
}

}  // namespace tl
