#include "nn/module.h"

#include "nn/frozen.h"

namespace tl {

PlanValue Module::lower(PlanBuilder&, const PlanValue&) const {
  std::string names;
  for (const NamedTensor& s : state()) names += (names.empty() ? "" : ", ") + s.name;
  throw Error(
      concat("frozen: a module with no frozen form; its state: ", names.empty() ? "none" : names));
}

Tensor Module::add_parameter(std::string name, Tensor x) {
  x.set_requires_grad();
  tensors_.push_back({std::move(name), x, true});
  return x;
}

Tensor Module::add_buffer(std::string name, Tensor x) {
  tensors_.push_back({std::move(name), x, false});
  return x;
}

void Module::add_module(std::string name, Module& child) {
  children_.emplace_back(std::move(name), &child);
}

std::vector<std::pair<std::string, const Module*>> Module::modules() const {
  std::vector<std::pair<std::string, const Module*>> found = {{"", this}};
  for (const auto& [name, child] : children_) {
    for (const auto& [path, module] : child->modules())
      found.emplace_back(path.empty() ? name : name + "." + path, module);
  }
  return found;
}

void Module::train(bool on) {
  training_ = on;
  for (auto& [name, child] : children_) child->train(on);
}

void Module::set_requires_grad(bool wanted) {
  for (const NamedTensor& p : parameters()) p.tensor.set_requires_grad(wanted);
}

std::vector<NamedTensor> Module::collect(bool trained, bool buffers) const {
  std::vector<NamedTensor> out;
  collect_into(out, "", trained, buffers);
  return out;
}

void Module::collect_into(std::vector<NamedTensor>& out, const std::string& prefix, bool trained,
                          bool buffers) const {
  for (const Entry& e : tensors_) {
    if (e.trained ? trained : buffers) out.push_back({prefix + e.name, e.tensor});
  }
  for (const auto& [name, child] : children_)
    child->collect_into(out, prefix + name + ".", trained, buffers);
}

}  // namespace tl
