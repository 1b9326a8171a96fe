#include "nn/optimizer.h"

#include <algorithm>
#include <utility>

#include "engine/captured_step.h"

namespace tl {
namespace {

AdamProblem decoupled(AdamProblem options) {
  options.decoupled = true;
  return options;
}

Device device_of(const std::vector<NamedTensor>& parameters) {
  check(!parameters.empty(), "optimizer: there are no parameters");
  return parameters[0].tensor.device();
}

}  // namespace

Optimizer::Optimizer(std::vector<NamedTensor> parameters, double rate)
    : learning_rate(rate), upload_(device_of(parameters)) {
  for (auto p = parameters.begin(); p != parameters.end(); ++p) {
    const auto twin = std::find_if(parameters.begin(), p, [&](const NamedTensor& other) {
      return other.tensor.impl() == p->tensor.impl();
    });
    check(twin == p, "optimizer: ", p->name, " and ", twin->name, " are one tensor");
    check(p->tensor.device() == parameters[0].tensor.device(), "optimizer: ", p->name, " is on ",
          p->tensor.device(), ", ", parameters[0].name, " on ", parameters[0].tensor.device());
    slots_.push_back({.w = p->tensor, .first = {}, .second = {}, .bf16_copy = p->bf16_copy});
  }
  state_ = Tensor::zeros({sizeof(StepState)}, DType::u8, slots_[0].w.device());
}

void Optimizer::clear_gradients() {
  for (const Slot& slot : slots_) slot.w.clear_grad();
}

void Optimizer::clip_gradient_norm(double max_norm) {
  check(max_norm > 0, "optimizer: the norm to clip gradients to must be positive, got ", max_norm);
  max_norm_ = max_norm;
}

void Optimizer::step() {
  std::vector<const Slot*> active;
  std::vector<Slot*> passed_over;
  for (Slot& slot : slots_) {
    if (slot.w.requires_grad() && slot.w.grad()) {
      active.push_back(&slot);
    } else {
      passed_over.push_back(&slot);
    }
  }
  host_part([this, passed_over] {
    for (Slot* slot : passed_over) ++slot->missed;
    write_state();
  });
  if (max_norm_ < std::numeric_limits<double>::infinity()) clip(active);
  update(active, static_cast<const StepState*>(state_.readable().data));
  for (const Slot* slot : active) {
    if (slot->bf16_copy) host_part_after([copy = slot->bf16_copy] { copy->written(); });
  }
}

void Optimizer::write_state() {
  const StepState state{.learning_rate = learning_rate, .step = ++steps_};
  upload_.write(&state, sizeof(state), state_);
}

void Optimizer::clip(const std::vector<const Slot*>& active) {
  std::vector<GradientNormTensor> tensors;
  for (const Slot* slot : active) tensors.push_back({.dw = slot->w.grad().readable()});
  const Tensor sums = Tensor::empty({gradient_norm_chunks(tensors)}, DType::f64, state_.device());
  backend().gradient_norm.clip(state_.stream(), max_norm_, tensors, sums.writable(),
                               static_cast<StepState*>(state_.writable().data));
}

double Optimizer::gradient_norm() const {
  StepState state;
  const View host{&state, DType::u8, sizeof(state)};
  backend().memory.copy_to_host(state_.stream(), state_.readable(), host);
  return state.gradient_norm;
}

Sgd::Sgd(std::vector<NamedTensor> parameters, double rate, SgdProblem options)
    : Optimizer(std::move(parameters), rate), options_(options) {
  check(!options.nesterov || options.momentum > 0, "sgd: Nesterov needs a momentum, got ",
        options.momentum);
  check(options.momentum >= 0 && options.weight_decay >= 0,
        "sgd: momentum and weight decay must be at least 0, got ", options.momentum, " and ",
        options.weight_decay);
  if (options.momentum == 0) return;
  for (Slot& slot : slots_) slot.first = Tensor::zeros_like(slot.w);
}

void Sgd::update(const std::vector<const Slot*>& active, const StepState* state) {
  std::vector<SgdTensor> tensors;
  for (const Slot* slot : active) {
    tensors.push_back({.w = slot->w.writable(),
                       .dw = slot->w.grad().readable(),
                       .velocity = slot->first ? slot->first.writable() : View{},
                       .bf16_w = slot->bf16_w()});
  }
  slots_[0].w.backend().sgd.step(slots_[0].w.stream(), options_, tensors, state);
}

Adam::Adam(std::vector<NamedTensor> parameters, double rate, AdamProblem options)
    : Optimizer(std::move(parameters), rate), options_(options) {
  const auto is_beta = [](double beta) { return 0 <= beta && beta < 1; };
  check(is_beta(options.beta1) && is_beta(options.beta2), "adam: betas must be in [0, 1), got ",
        options.beta1, " and ", options.beta2);
  check(options.epsilon >= 0 && options.weight_decay >= 0,
        "adam: epsilon and weight decay must be at least 0, got ", options.epsilon, " and ",
        options.weight_decay);
  for (Slot& slot : slots_) {
    slot.first = Tensor::zeros_like(slot.w);
    slot.second = Tensor::zeros_like(slot.w);
  }
}

void Adam::update(const std::vector<const Slot*>& active, const StepState* state) {
  std::vector<AdamTensor> tensors;
  for (const Slot* slot : active) {
    tensors.push_back({.w = slot->w.writable(),
                       .dw = slot->w.grad().readable(),
                       .m = slot->first.writable(),
                       .v = slot->second.writable(),
                       .missed = slot->missed,
                       .bf16_w = slot->bf16_w()});
  }
  slots_[0].w.backend().adam.step(slots_[0].w.stream(), options_, tensors, state);
}

AdamW::AdamW(std::vector<NamedTensor> parameters, double rate, AdamProblem options)
    : Adam(std::move(parameters), rate, decoupled(options)) {}

}  // namespace tl
