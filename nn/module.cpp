#include "nn/module.h"

#include <algorithm>

#include "nn/bf16_copy.h"
#include "nn/frozen.h"
#include "nn/name_pattern.h"

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

std::shared_ptr<Bf16Copy> Module::add_bf16_copy(const std::string& name) {
  const auto entry = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const Entry& e) { return e.trained && e.name == name; });
  check(entry != tensors_.end(), "module: no parameter '", name, "' to copy to bf16");
  entry->bf16_copy = std::make_shared<Bf16Copy>(entry->tensor);
  return entry->bf16_copy;
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

std::int64_t Module::set_requires_grad_matching(const std::string& patterns, bool wanted) {
  const std::vector<NamedTensor> all = parameters();
  std::vector<bool> matched(all.size(), false);
  for (const std::string& pattern : split_patterns(patterns)) {
    bool used = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!matches_name(pattern, all[i].name)) continue;
      matched[i] = used = true;
    }
    check(used, "pattern '", pattern, "' matches no parameter; their names are like ",
          all.empty() ? "" : all.front().name, " and ", all.empty() ? "" : all.back().name);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (matched[i]) all[i].tensor.set_requires_grad(wanted);
  }
  return std::count(matched.begin(), matched.end(), true);
}

std::vector<NamedTensor> Module::collect(bool trained, bool buffers) const {
  std::vector<NamedTensor> out;
  collect_into(out, "", trained, buffers);
  return out;
}

void Module::collect_into(std::vector<NamedTensor>& out, const std::string& prefix, bool trained,
                          bool buffers) const {
  for (const Entry& e : tensors_) {
    if (e.trained ? trained : buffers) out.push_back({prefix + e.name, e.tensor, e.bf16_copy});
  }
  for (const auto& [name, child] : children_)
    child->collect_into(out, prefix + name + ".", trained, buffers);
}

}  // namespace tl
