// Module: a part of a network: a function of one tensor, with named parameters and buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/layer_scope.h"
#include "engine/tensor.h"

namespace tl {

class Bf16Copy;
class PlanBuilder;
struct PlanValue;

/// Where and in which dtype a module's tensors are made.
struct Placement {
  DType dtype = DType::f32;
  Device device = Device::cpu;
};

struct NamedTensor {
  std::string name;  ///< path from the root, e.g. "layer1.0.conv1.weight"
  Tensor tensor;
  std::shared_ptr<Bf16Copy> bf16_copy = nullptr;  ///< of a parameter that has one (nn/bf16_copy.h)
};

/// Modules hold their children as members and name them in the constructor. They cannot be copied
/// or moved: the parent keeps pointers to the children.
class Module {
 public:
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  Tensor operator()(const Tensor& x) {
    const LayerScope scope(this);
    return forward(x);
  }

  /// Adds this module's evaluation-mode computation to a frozen plan (nn/frozen.h). A module that
  /// has none throws, with the names of its state.
  virtual PlanValue lower(PlanBuilder& plan, const PlanValue& x) const;

  /// What an optimizer trains, in order of registration, children included.
  std::vector<NamedTensor> parameters() const { return collect(true, false); }
  /// Tensors that belong to the state but are not trained (running statistics).
  std::vector<NamedTensor> buffers() const { return collect(false, true); }
  /// Both: what a weights file holds.
  std::vector<NamedTensor> state() const { return collect(true, true); }
  /// This module ("") and all below it, by path from here, e.g. "layer1.0.conv1".
  std::vector<std::pair<std::string, const Module*>> modules() const;

  /// Training or evaluation mode, children included: batch norm differs.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }

  /// Whether the parameters, children's included, get gradients. A batch norm whose gamma and beta
  /// both get none is frozen: it normalises by its running statistics, which stay as they are, in
  /// training mode too.
  void set_requires_grad(bool wanted);
  /// The same for the parameters that one of the patterns (nn/name_pattern.h) matches:
  /// "layer4,fc.*". A pattern that matches none throws, and nothing is changed. Returns how many
  /// tensors matched.
  std::int64_t set_requires_grad_matching(const std::string& patterns, bool wanted);

 protected:
  Module() = default;
  Tensor add_parameter(std::string name, Tensor x);
  /// Gives the parameter of that name a copy in bf16, which optimizers keep up to date.
  std::shared_ptr<Bf16Copy> add_bf16_copy(const std::string& name);
  Tensor add_buffer(std::string name, Tensor x);
  void add_module(std::string name, Module& child);

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
    bool trained;
    std::shared_ptr<Bf16Copy> bf16_copy = nullptr;
  };
  std::vector<NamedTensor> collect(bool trained, bool buffers) const;
  void collect_into(std::vector<NamedTensor>& out, const std::string& prefix, bool trained,
                    bool buffers) const;

  std::vector<Entry> tensors_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

}  // namespace tl
