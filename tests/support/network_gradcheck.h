// Directional derivatives of whole networks, on `ref` in f64.
//
// Differentiating a network by every parameter costs two passes each; a random direction v costs
// two in all: dL/dv = (L(w + hv) - L(w - hv)) / 2h must equal the sum of dw * v. A network has
// kinks everywhere, though: a step that switches a ReLU or moves a maximum has no derivative to be
// compared with, and is drawn again. KinkWatch sees that happen.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>

#include "engine/ops.h"
#include "nn/module.h"
#include "tests/support/gradcheck.h"

namespace tl::test {

/// While it lives, `ref` computes as always, and every sign that a ReLU sees and every position
/// that a max pooling picks goes into a hash. Two passes on the same smooth piece hash alike. One
/// at a time.
class KinkWatch {
 public:
  KinkWatch() : scope_(Device::ref, watched()) { hash_ = 0; }

  /// The hash since the last call.
  std::uint64_t take() { return std::exchange(hash_, 0); }

 private:
  static void mix(std::uint64_t value) {
    hash_ = (hash_ ^ (value + 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9;
    hash_ ^= hash_ >> 29;
  }
  static const Backend& plain() {
    static const Backend backend = ref_backend();
    return backend;
  }
  static void watched_unary(Stream stream, const UnaryProblem& p, ConstView x, View y) {
    const double* values = x.as<double>();
    for (std::int64_t i = 0; p.op == UnaryOp::relu && i < x.size; ++i) mix(values[i] > 0);
    plain().elementwise.unary(stream, p, x, y);
  }
  static void watched_max_pool2d(Stream stream, const MaxPool2dProblem& p,
                                 const MaxPool2dForwardArgs& args) {
    const Tensor position = Tensor::empty({p.y_size()}, DType::i32, Device::ref);
    MaxPool2dProblem with_positions = p;
    with_positions.positions = true;
    MaxPool2dForwardArgs with_position = args;
    with_position.position = position.writable();
    plain().max_pool2d.forward.choose(with_positions).run(stream, with_positions, with_position);
    for (const std::int32_t at : position.to_vector<std::int32_t>())
      mix(static_cast<std::uint64_t>(at));
    if (p.positions) plain().memory.copy(stream, position.readable(), args.position);
  }
  static Backend watched() {
    Backend b = backend(Device::ref);
    b.elementwise.unary = watched_unary;
    b.max_pool2d.forward = MaxPool2dKernels{}.forward;
    b.max_pool2d.forward.add({.name = "watched",
                              .supports = [](const MaxPool2dProblem&) { return true; },
                              .run = watched_max_pool2d});
    return b;
  }

  inline static std::uint64_t hash_ = 0;  // variants are plain functions: nowhere else to hash
  ScopedBackend scope_;
};

/// `loss` depends on the tensors (f64 on `ref`, leaves) and on nothing that changes. Compares the
/// derivative in two random directions per tensor; of all directions, at most 5% may be redrawn.
inline void check_directions(const std::vector<NamedTensor>& tensors,
                             const std::function<Tensor()>& loss) {
  constexpr int kDirections = 2;
  constexpr double kStep = 3e-6;  // times a direction of norm 1 in each tensor

  KinkWatch watch;
  for (const NamedTensor& t : tensors) t.tensor.clear_grad();
  const Tensor start = loss();
  const std::uint64_t smooth_piece = watch.take();
  backward(start);
  watch.take();  // backward makes some tensors again, and sees their kinks again

  Random random(5);
  int drawn = 0, redrawn = 0;
  NoGrad no_grad;
  for (const NamedTensor& t : tensors) {
    INFO(concat(t.name, " ", t.tensor.shape()));
    REQUIRE(t.tensor.grad());
    const Tensor original = t.tensor.detached().clone();
    const auto w = original.to_vector<double>(), dw = t.tensor.grad().to_vector<double>();
    std::vector<double> analytic, numeric;
    while (analytic.size() < kDirections) {
      REQUIRE(redrawn < 50);
      ++drawn;
      std::vector<double> v = random.uniform_vector(t.tensor.size());
      const double length = std::sqrt(dot(v, v));
      for (double& e : v) e /= length;
      bool flipped = false;
      const auto loss_at = [&](double h) {
        std::vector<double> moved = w;
        for (std::size_t i = 0; i < w.size(); ++i) moved[i] += h * v[i];
        t.tensor.copy_from(Tensor::from(moved, t.tensor.shape(), DType::f64, Device::ref));
        const double value = loss().item();
        flipped = flipped || watch.take() != smooth_piece;
        return value;
      };
      const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
      if (flipped) {
        ++redrawn;
        continue;
      }
      numeric.push_back(slope);
      analytic.push_back(dot(dw, v));
    }
    t.tensor.copy_from(original);
    const double error = gradient_error(analytic, numeric);
    INFO("error ", error);
    CHECK(error <= kGradientBound);
  }
  INFO(redrawn, " of ", drawn, " directions crossed a kink");
  CHECK(redrawn * 20 <= drawn);
}

}  // namespace tl::test
