#include "io/pytorch_arrays.h"

#include <algorithm>
#include <set>

#include "io/printable.h"
#include "io/pytorch_state_dict.h"

namespace tl {

WeightsFile weights_from_pickle(const PickleValue& root, const PytorchObjects& objects,
                                const PickleHeap& heap, const std::vector<SharedBytes>& storages,
                                std::endian order, size_t file_bytes) {
  WeightsFile file;
  ArrayMaker maker(file_bytes);
  std::set<std::string_view> names;
  for (const auto& [key, value] : heap.pairs(find_state_dict(root, objects, heap))) {
    const auto* name = std::get_if<std::string_view>(&key);
    const auto* object = std::get_if<PickleObject>(&value);
    const PytorchTensor* tensor = object ? objects.tensor(*object) : nullptr;
    if (!name || !tensor) continue;  // a plain value beside the tensors
    check_array_name(*name);
    check(names.insert(*name).second, shown(*name), ": two tensors of that name");
    StoredElements elements = tensor->elements;
    elements.order = order;
    try {
      file.arrays.emplace_back(*name, maker.make(storages[tensor->storage], elements));
    } catch (const Error& error) {
      throw Error(concat(*name, ": ", error.what()));
    }
  }
  return file;
}

}  // namespace tl
