#include "engine/autograd.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

namespace tl {
namespace {

thread_local bool recording = true;

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

/// total += gradient. The first one is moved in; a tensor whose storage somebody else holds too
/// (add hands the same dy to both inputs) is never written to.
void add_into(Tensor& total, Tensor gradient) {
  if (!total) {
    total = std::move(gradient);
    return;
  }
  if (!total.shares_storage()) {
    total.backend().elementwise.accumulate(total.stream(), gradient.readable(), total.writable());
  } else {
    Tensor sum = Tensor::empty_like(total);
    sum.backend().elementwise.binary(sum.stream(), BinaryProblem::plain(BinaryOp::add, sum.size()),
                                     total.readable(), gradient.readable(), sum.writable());
    total = std::move(sum);
  }
}

Node::Edge edge_to(const Tensor& x) {
  if (!x || !x.requires_grad()) return {};
  const std::shared_ptr<Node>& node = x.impl()->node;
  return {node, node ? nullptr : x.impl(), x.shape(), x.dtype(), x.device()};
}

void check_gradient(const Node& node, std::size_t input, const Tensor& gradient) {
  check(static_cast<bool>(gradient), "backward: ", node.name, " gave no gradient for input ",
        input);
  const Node::Edge& edge = node.inputs[input];
  check(gradient.shape() == edge.shape && gradient.dtype() == edge.dtype &&
            gradient.device() == edge.device,
        "backward: ", node.name, ": input ", input, " is ", edge.shape, " ", edge.dtype, " on ",
        edge.device, ", its gradient ", gradient.shape(), " ", gradient.dtype(), " on ",
        gradient.device());
}

struct Pending {
  std::shared_ptr<Node> node;
  Tensor gradient;
};
// Newest first. All users of a tensor have larger numbers than the op that made it, so when a node
// comes to the front, its gradient is complete.
using Queue = std::map<std::uint64_t, Pending, std::greater<>>;

/// A leaf with hooks, and what this pass has for it so far.
struct HookedLeaf {
  std::shared_ptr<TensorImpl> leaf;
  Tensor gradient;
};

struct Pass {
  Queue queue;
  std::vector<HookedLeaf> hooked_leaves;  // in the order in which the pass came to them
};

/// The gradient so far of what an edge leads to, or nullptr; `of_leaf` stands for any leaf's, which
/// nobody may take.
Tensor* sum_so_far(Pass& pass, const Node::Edge& edge, Tensor& of_leaf) {
  if (!edge) return nullptr;
  return edge.node ? &pass.queue[edge.node->number].gradient : &of_leaf;
}

void add_to_leaf(const Tensor& leaf, Tensor gradient) {
  // A leaf's gradient is its owner's to change: never one that another tensor shares.
  if (!leaf.grad() && gradient.shares_storage()) gradient = gradient.clone();
  Tensor total = leaf.grad();
  leaf.clear_grad();
  add_into(total, std::move(gradient));
  leaf.set_grad(std::move(total));
}

void deliver(Pass& pass, const Node::Edge& edge, Tensor gradient) {
  if (edge.node) {
    Pending& pending = pass.queue[edge.node->number];
    pending.node = edge.node;
    add_into(pending.gradient, std::move(gradient));
  } else if (edge.leaf && edge.leaf->hooks.empty()) {
    add_to_leaf(Tensor(edge.leaf), std::move(gradient));
  } else if (edge.leaf) {
    auto& leaves = pass.hooked_leaves;
    auto at = std::find_if(leaves.begin(), leaves.end(),
                           [&](const HookedLeaf& known) { return known.leaf == edge.leaf; });
    if (at == leaves.end()) at = leaves.insert(at, {edge.leaf, {}});
    add_into(at->gradient, std::move(gradient));
  }
}

/// What the hooks make of a gradient. By value: a hook may change the list it stands in.
Tensor passed_to(const std::vector<GradientHook> hooks, const char* of, Tensor gradient) {
  for (const GradientHook& hook : hooks) {
    const Tensor other = hook(gradient);
    if (!other) continue;
    check(other.shape() == gradient.shape() && other.dtype() == gradient.dtype() &&
              other.device() == gradient.device(),
          "backward: a hook on ", of, " was given ", gradient.shape(), " ", gradient.dtype(),
          " on ", gradient.device(), " and returned ", other.shape(), " ", other.dtype(), " on ",
          other.device());
    gradient = other.detached();
  }
  return gradient;
}

std::vector<GradientHook>& hooks_of(const Tensor& x) {
  return x.impl()->node ? x.impl()->node->hooks : x.impl()->hooks;
}

}  // namespace

// A long chain of nodes is taken apart here one by one; the default destructor would recurse once
// per node and overflow the stack.
Node::~Node() {
  std::vector<std::shared_ptr<Node>> doomed;
  const auto take_inputs = [&](Node& node) {
    node.backward = nullptr;
    for (Edge& edge : node.inputs) {
      if (edge.node && edge.node.use_count() == 1) doomed.push_back(std::move(edge.node));
    }
    node.inputs.clear();
  };
  take_inputs(*this);
  while (!doomed.empty()) {
    const std::shared_ptr<Node> node = std::move(doomed.back());
    doomed.pop_back();
    take_inputs(*node);
  }
}

Tensor Needs::take_sum(std::size_t i) const {
  Tensor& sum = *wanted_[i];
  return sum && !sum.shares_storage() ? std::exchange(sum, Tensor{}) : Tensor{};
}

bool will_record(std::span<const Tensor> inputs) {
  return recording && std::any_of(inputs.begin(), inputs.end(),
                                  [](const Tensor& x) { return x && x.requires_grad(); });
}

bool will_record(std::initializer_list<Tensor> inputs) {
  return will_record(std::span(inputs.begin(), inputs.size()));
}

Tensor record(const char* op, Tensor y, std::span<const Tensor> inputs, BackwardFunction backward) {
  if (!will_record(inputs)) return y;
  auto node = std::make_shared<Node>();
  node->name = op;
  node->number = next_number();
  node->backward = std::move(backward);
  node->layer = layer_context().layer;
  for (const Tensor& x : inputs) node->inputs.push_back(edge_to(x));
  // A fresh handle: y may be an input that the op returned as it came.
  Tensor result = y.detached();
  result.impl()->node = std::move(node);
  return result;
}

Tensor record(const char* op, Tensor y, std::initializer_list<Tensor> inputs,
              BackwardFunction backward) {
  return record(op, std::move(y), std::span(inputs.begin(), inputs.size()), std::move(backward));
}

Tensor no_gradient(const char* op, Tensor y, std::initializer_list<Tensor> inputs) {
  check(!will_record(inputs), op, ": has no gradient, but an input needs one");
  return y;
}

void register_hook(const Tensor& x, GradientHook hook) {
  check(x.requires_grad(), "hook: the tensor needs no gradient");
  hooks_of(x).push_back(std::move(hook));
}

void clear_hooks(const Tensor& x) {
  if (x) hooks_of(x).clear();
}

const Tensor& RemadeTensor::get() {
  if (!made_) {
    check(static_cast<bool>(make_),
          "backward: the op that could make a tensor again was already passed; run the forward "
          "pass again");
    made_ = make_();
  }
  return made_;
}

void RemadeTensor::finish() {
  made_ = {};
  make_ = nullptr;
}

const Tensor& Saved::get() const {
  if (recipe_) return recipe_->get();
  check(x_.version() == version_, op_,
        ": a tensor that backward needs was overwritten after the forward pass");
  return x_;
}

void backward(const Tensor& loss) {
  check(loss.size() == 1, "backward: the loss must have one element, got shape ", loss.shape(),
        "; pass dy for other tensors");
  backward(loss, Tensor::full(loss.shape(), 1, loss.dtype(), loss.device()));
}

void backward(const Tensor& y, const Tensor& dy) {
  check(y.requires_grad(),
        "backward: nothing was recorded: no input of this tensor needs a gradient");
  check(dy.shape() == y.shape() && dy.dtype() == y.dtype() && dy.device() == y.device(),
        "backward: y is ", y.shape(), " ", y.dtype(), " on ", y.device(), ", dy is ", dy.shape(),
        " ", dy.dtype(), " on ", dy.device());
  check(!dy.requires_grad(), "backward: a gradient of a gradient is not supported");
  NoGrad no_grad;
  Pass pass;
  deliver(pass, edge_to(y), dy);
  Queue& queue = pass.queue;
  while (!queue.empty()) {
    Pending pending = std::move(queue.begin()->second);
    queue.erase(queue.begin());
    Node& node = *pending.node;
    check(static_cast<bool>(node.backward), "backward: ", node.name,
          " was already passed; its saved tensors are gone. Run the forward pass again");
    const LayerScope layer(node.layer, true);
    const BackwardFunction function = std::exchange(node.backward, nullptr);
    if (!node.hooks.empty()) {
      pending.gradient = passed_to(node.hooks, node.name, std::move(pending.gradient));
    }
    Needs needs;
    Tensor none;
    for (const Node::Edge& edge : node.inputs) needs.add(sum_so_far(pass, edge, none));
    Gradients gradients = function(pending.gradient, needs);
    check(gradients.size() == needs.size(), "backward: ", node.name, " gave ", gradients.size(),
          " gradients for ", needs.size(), " inputs");
    pending.gradient = {};
    for (std::size_t i = 0; i < needs.size(); ++i) {
      if (!needs[i]) continue;
      check_gradient(node, i, gradients[i]);
      deliver(pass, node.inputs[i], std::exchange(gradients[i], Tensor{}));
    }
  }
  for (HookedLeaf& hooked : pass.hooked_leaves) {
    add_to_leaf(Tensor(hooked.leaf),
                passed_to(hooked.leaf->hooks, "a leaf", std::exchange(hooked.gradient, Tensor{})));
  }
}

NoGrad::NoGrad() : previous_(std::exchange(recording, false)) {}
NoGrad::~NoGrad() { recording = previous_; }

}  // namespace tl
