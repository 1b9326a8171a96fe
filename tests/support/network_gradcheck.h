// Directional derivatives of whole networks, on `ref` in f64.
//
// Differentiating a network by every parameter costs two passes each; a random direction v costs
// two in all: dL/dv = (L(w + hv) - L(w - hv)) / 2h must equal the sum of dw * v. A network has
// kinks everywhere, though: a step that switches a ReLU or moves a maximum has no derivative to be
// compared with, and is drawn again. KinkWatch sees that happen.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>

#include "engine/ops.h"
#include "nn/module.h"
#include "tests/support/gradcheck.h"

namespace tl::test {

/// While it lives, `ref` computes as always, and every sign that a ReLU sees and every position
/// that a max pooling picks goes into a hash. Two passes on the same smooth piece hash alike.
class KinkWatch {
 public:
  KinkWatch() : scope_(Device::ref, watched(hash_)) {}

  /// The hash since the last call.
  std::uint64_t take() { return std::exchange(*hash_, 0); }

 private:
  using Hash = std::shared_ptr<std::uint64_t>;
  static void mix(std::uint64_t& hash, std::uint64_t value) {
    hash = (hash ^ (value + 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9;
    hash ^= hash >> 29;
  }
  static Backend watched(const Hash& hash) {
    const Backend plain = backend(Device::ref);
    Backend b = plain;
    b.elementwise.unary = [hash, plain](Stream stream, const UnaryProblem& p, ConstView x, View y) {
      const double* values = x.as<double>();
      for (std::int64_t i = 0; p.op == UnaryOp::relu && i < x.size; ++i) mix(*hash, values[i] > 0);
      plain.elementwise.unary(stream, p, x, y);
    };
    b.max_pool2d.forward = [hash, plain](Stream stream, const MaxPool2dProblem& p, ConstView x,
                                         View y, View position) {
      const Tensor own = Tensor::empty({p.y_size()}, DType::i32, Device::ref);
      plain.max_pool2d.forward(stream, p, x, y, own.writable());
      for (const std::int32_t at : own.to_vector<std::int32_t>()) {
        mix(*hash, static_cast<std::uint64_t>(at));
      }
      if (position) plain.memory.copy(stream, own.readable(), position);
    };
    return b;
  }

  Hash hash_ = std::make_shared<std::uint64_t>(0);
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
