// The tape. An op computes its result, then calls record() with what it knows about its own
// gradient; backward() later walks the recorded nodes from the newest to the oldest.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/layer_scope.h"
#include "engine/tensor.h"

namespace tl {

/// One gradient per input of the op, in order; absent where none was asked for.
using Gradients = std::vector<Tensor>;

/// needs[i]: whether input i wants its gradient. A frozen filter's dw is never computed.
class Needs {
 public:
  bool operator[](std::size_t i) const { return static_cast<bool>(wanted_[i]); }
  std::size_t size() const { return wanted_.size(); }

  /// The sum of the gradients that other ops have given for input i, for this op to add its own to
  /// it in place and return it; absent where there is none, or where it must not be written to.
  Tensor take_sum(std::size_t i) const;

  /// Called by backward(): the next input's sum so far, or nullptr where no gradient is wanted.
  void add(Tensor* sum) { wanted_.push_back(sum); }

 private:
  std::vector<Tensor*> wanted_;
};
using BackwardFunction = std::function<Gradients(const Tensor& dy, const Needs& needs)>;

/// An op that was recorded.
class Node {
 public:
  /// Where one input's gradient goes: on to the node that made the input, or into a leaf; and what
  /// the input is, which its gradient must be too.
  struct Edge {
    std::shared_ptr<Node> node;
    std::shared_ptr<TensorImpl> leaf;
    Shape shape;
    DType dtype = DType::f32;
    Device device = Device::ref;
    explicit operator bool() const { return node || leaf; }
  };

  ~Node();

  const char* name = "";
  std::uint64_t number = 0;  ///< creation order: an op's inputs always have smaller numbers
  std::vector<Edge> inputs;
  BackwardFunction backward;
  std::vector<GradientHook> hooks;  ///< of the tensor that it made
  Layer layer = nullptr;            ///< that called the op
};

/// Returns y, and ties it to the tape if any input needs a gradient (and recording is on).
/// Otherwise the function is dropped and nothing stays saved. Absent inputs are allowed.
Tensor record(const char* op, Tensor y, std::initializer_list<Tensor> inputs,
              BackwardFunction backward);
/// The same for an op whose number of inputs is not known when it is compiled.
Tensor record(const char* op, Tensor y, std::span<const Tensor> inputs, BackwardFunction backward);

/// For ops that have no gradient: returns y; throws if an input needs one.
Tensor no_gradient(const char* op, Tensor y, std::initializer_list<Tensor> inputs);

/// Whether record() would tie an op of these inputs to the tape: asked by ops whose forward pass
/// writes something for backward alone.
bool will_record(std::initializer_list<Tensor> inputs);
bool will_record(std::span<const Tensor> inputs);

/// How a tensor is made again in backward, from tensors that are kept anyway: less memory for more
/// work. What is made must be what was, to the bit. It is made at the first get() and kept until
/// the op whose result it is, the last to need it, calls finish().
class RemadeTensor {
 public:
  /// make() makes what `original` holds now.
  RemadeTensor(const Tensor& original, std::function<Tensor()> make)
      : version_(original.version()), make_(std::move(make)) {}
  /// Whether the numbers of x, a tensor with this recipe, are still those that it makes.
  bool makes(const Tensor& x) const { return x.version() == version_; }
  const Tensor& get();
  void finish();

 private:
  std::uint64_t version_;
  std::function<Tensor()> make_;
  Tensor made_;
};

/// A tensor that a closure keeps for backward. It shares the numbers, not the tape, and notices if
/// they were overwritten in the meantime. Of a tensor with a recipe it keeps that, unless the
/// tensor has been overwritten since. An absent tensor is kept as absent: for what no wanted
/// gradient needs.
class Saved {
 public:
  Saved(const char* op, const Tensor& x)
      : op_(op),
        recipe_(x && x.impl()->recipe && x.impl()->recipe->makes(x) ? x.impl()->recipe : nullptr),
        x_(x && !recipe_ ? x.detached() : Tensor{}),
        version_(x_ ? x_.version() : 0) {}
  /// The tensor; throws if it is absent or its numbers are not the ones that were saved.
  const Tensor& get() const;

 private:
  const char* op_;
  std::shared_ptr<RemadeTensor> recipe_;
  Tensor x_;
  std::uint64_t version_;
};

/// From now on backward calls hook(gradient) with the whole gradient of x, once per pass: for the
/// result of an op before it goes back through that op; for a leaf at the end of the pass, with
/// what this pass is about to add to grad(). What the hook returns is taken instead, if it is not
/// absent: of x's shape, dtype and device. It must not write to what it is given. Several hooks are
/// called in the order in which they came, each with what the one before has left. Throws if x
/// needs no gradient.
void register_hook(const Tensor& x, GradientHook hook);
/// Forgets the hooks of x.
void clear_hooks(const Tensor& x);

/// Adds d(loss)/d(leaf) to the grad() of every leaf that `loss` was computed from. `loss` has one
/// element. Frees the tape as it goes; a second pass over the same ops throws.
void backward(const Tensor& loss);
/// The same from any tensor, with dy = d(loss)/dy given.
void backward(const Tensor& y, const Tensor& dy);

/// While it lives, ops of this thread record nothing.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

}  // namespace tl
