// What the pickles of PyTorch talk about: storages, tensors that are views of them, ordered dicts.
#pragma once

#include <map>
#include <string_view>
#include <variant>
#include <vector>

#include "io/pickle.h"
#include "io/stored_array.h"

namespace tl {

/// Bytes under a key that stands in the pickle; they themselves are elsewhere in the file.
struct PytorchStorage {
  std::string_view key;
  StoredType type;
  uint64_t count;

  uint64_t bytes() const { return count * size_of(type); }
};

struct PytorchTensor {
  uint32_t storage;  // number
  StoredElements elements;
};

/// Knows the classes and functions that state dicts are made of and refuses every other by name.
class PytorchObjects final : public PickleHost {
 public:
  uint32_t global(std::string_view module, std::string_view name) override;
  PickleValue call(uint32_t global, PickleList arguments, PickleHeap& heap) override;
  PickleValue persistent(const PickleValue& id, PickleHeap& heap) override;

  const std::vector<PytorchStorage>& storages() const { return storages_; }
  /// The number of the storage with that key; throws Error without one.
  uint32_t storage_of(std::string_view key) const;
  /// The tensor of that number; nullptr where it is a storage.
  const PytorchTensor* tensor(PickleObject object) const {
    return std::get_if<PytorchTensor>(&objects_[object.number]);
  }

 private:
  /// A storage as it is used: some of its elements (files before PyTorch 0.4 have storages that are
  /// views of others).
  struct Slice {
    uint32_t storage;
    int64_t first, count;
  };

  PickleObject add(std::variant<Slice, PytorchTensor> object, PickleHeap& heap);
  PickleValue rebuilt_tensor(std::span<const PickleValue> arguments, PickleHeap& heap);
  uint32_t add_storage(const PytorchStorage& storage);

  std::vector<PytorchStorage> storages_;
  std::map<std::string_view, uint32_t> number_of_key_;
  std::vector<std::variant<Slice, PytorchTensor>> objects_;
};

}  // namespace tl
