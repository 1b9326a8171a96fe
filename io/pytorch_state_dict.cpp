#include "io/pytorch_state_dict.h"

#include <algorithm>
#include <map>
#include <string>

#include "io/printable.h"

namespace tl {
namespace {

/// In order of preference. What an exponential average has learnt comes after what was trained.
constexpr std::string_view usual_keys[] = {
    "state_dict", "model_state_dict", "model_state", "model",   "net",     "network",
    "module",     "weights",          "params",      "teacher", "student", "ema"};
constexpr int max_nested_dicts = 8;

const PickleDict* dict_of(const PickleValue* value) {
  return value ? std::get_if<PickleDict>(value) : nullptr;
}

class Search {
 public:
  Search(const PytorchObjects& objects, const PickleHeap& heap) : objects_(objects), heap_(heap) {}

  bool holds_tensor(PickleDict dict) {
    // Remembered, for a hundred thousand keys may name one dict of as many.
    const auto [known, is_new] = holds_tensor_.try_emplace(dict.index, false);
    if (is_new) {
      known->second = std::ranges::any_of(heap_.pairs(dict), [&](const PicklePair& pair) {
        const auto* object = std::get_if<PickleObject>(&pair.second);
        return object && objects_.tensor(*object);
      });
    }
    return known->second;
  }

  /// The dict under the first usual key that leads to one with tensors.
  const PickleDict* under_usual_key(PickleDict dict) {
    for (const std::string_view key : usual_keys) {
      const PickleDict* inner = dict_of(heap_.find(dict, key));
      if (inner && (holds_tensor(*inner) || has_usual_key(*inner))) return inner;
    }
    return nullptr;
  }

  PickleDict only_dict_with_tensors(PickleDict dict) {
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
  std::map<uint32_t, bool> holds_tensor_;  // by the dict's index
};

}  // namespace

PickleDict find_state_dict(const PickleValue& root, const PytorchObjects& objects,
                           const PickleHeap& heap) {
  const PickleDict* dict = dict_of(&root);
  check(dict != nullptr, "holds no tensors with names; expected a state_dict");
  Search search(objects, heap);
  for (int depth = 0; depth < max_nested_dicts; ++depth) {
    const PickleDict* inner = search.under_usual_key(*dict);
    if (!inner) break;
    dict = inner;
  }
  return search.holds_tensor(*dict) ? *dict : search.only_dict_with_tensors(*dict);
}

}  // namespace tl
