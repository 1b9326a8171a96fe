#include "io/pytorch_state_dict.h"

#include <string>

#include "io/printable.h"

namespace tl {
namespace {

/// In order of preference. What an exponential average has learnt comes after what was trained.
constexpr std::string_view usual_keys[] = {
    "state_dict", "model_state_dict", "model_state", "model",   "net",     "network",
    "module",     "weights",          "params",      "teacher", "student", "ema"};
constexpr int max_depth = 8;

const PickleDict* dict_of(const PickleValue* value) {
  return value ? std::get_if<PickleDict>(value) : nullptr;
}

class Search {
 public:
  Search(const PytorchObjects& objects, const PickleHeap& heap) : objects_(objects), heap_(heap) {}

  bool holds_tensor(PickleDict dict) const {
    for (const auto& [key, value] : heap_.pairs(dict)) {
      const auto* object = std::get_if<PickleObject>(&value);
      if (object && objects_.tensor(*object)) return true;
    }
    return false;
  }

  /// The dict under the first usual key that leads to one with tensors.
  const PickleDict* under_usual_key(PickleDict dict) const {
    for (const std::string_view key : usual_keys) {
      const PickleDict* inner = dict_of(heap_.find(dict, key));
      if (inner && (holds_tensor(*inner) || has_usual_key(*inner))) return inner;
    }
    return nullptr;
  }

  PickleDict only_dict_with_tensors(PickleDict dict) const {
    const PickleDict* only = nullptr;
    std::string names;
    for (const auto& [key, value] : heap_.pairs(dict)) {
      const PickleDict* inner = dict_of(&value);
      if (!inner || !holds_tensor(*inner)) continue;
      const auto* name = std::get_if<std::string_view>(&key);
      names += (only ? ", " : "") + (name ? shown(*name) : "?");
      check(names.size() < 500,
            "holds many dicts of tensors, none of them called state_dict: ", names);
      check(!only || only->index == inner->index,
            "holds several dicts of tensors, none of them called state_dict: ", names);
      only = inner;
    }
    check(only != nullptr, "holds no tensors with names; expected a state_dict");
    return *only;
  }

 private:
  bool has_usual_key(PickleDict dict) const {
    for (const std::string_view key : usual_keys) {
      if (dict_of(heap_.find(dict, key))) return true;
    }
    return false;
  }

  const PytorchObjects& objects_;
  const PickleHeap& heap_;
};

}  // namespace

PickleDict find_state_dict(const PickleValue& root, const PytorchObjects& objects,
                           const PickleHeap& heap) {
  const PickleDict* dict = dict_of(&root);
  check(dict != nullptr, "holds no tensors with names; expected a state_dict");
  const Search search(objects, heap);
  for (int depth = 0; depth < max_depth; ++depth) {
    const PickleDict* inner = search.under_usual_key(*dict);
    if (!inner) break;
    dict = inner;
  }
  return search.holds_tensor(*dict) ? *dict : search.only_dict_with_tensors(*dict);
}

}  // namespace tl
