#include "io/pytorch_objects.h"

#include <array>
#include <string>

#include "io/printable.h"

namespace tl {
namespace {

enum class Meaning {
  storage,       // a class of storages: the type of its elements
  tensor,        // makes a tensor
  parameter,     // its first argument, a tensor
  ordered_dict,  // a dict
  plain,         // of no interest for weights, nor able to do anything
};

struct Known {
  std::string_view module, name;
  Meaning meaning;
  StoredType type = StoredType::u8;  // of a storage
};

constexpr std::array known_globals{
    Known{"torch", "FloatStorage", Meaning::storage, StoredType::f32},
    Known{"torch", "DoubleStorage", Meaning::storage, StoredType::f64},
    Known{"torch", "HalfStorage", Meaning::storage, StoredType::f16},
    Known{"torch", "BFloat16Storage", Meaning::storage, StoredType::bf16},
    Known{"torch", "LongStorage", Meaning::storage, StoredType::i64},
    Known{"torch", "IntStorage", Meaning::storage, StoredType::i32},
    Known{"torch", "ShortStorage", Meaning::storage, StoredType::i16},
    Known{"torch", "CharStorage", Meaning::storage, StoredType::i8},
    Known{"torch", "ByteStorage", Meaning::storage, StoredType::u8},
    Known{"torch", "BoolStorage", Meaning::storage, StoredType::boolean},
    Known{"torch._utils", "_rebuild_tensor", Meaning::tensor},  // before PyTorch 0.4
    Known{"torch._utils", "_rebuild_tensor_v2", Meaning::tensor},
    Known{"torch._utils", "_rebuild_parameter", Meaning::parameter},
    Known{"collections", "OrderedDict", Meaning::ordered_dict},
    Known{"collections", "Counter", Meaning::plain},
    Known{"torch", "Size", Meaning::plain},
    Known{"torch", "device", Meaning::plain},
};

/// The argument's value, if it is of type T.
template <class T>
T argument(std::span<const PickleValue> arguments, size_t i, const char* what) {
  const T* value = i < arguments.size() ? std::get_if<T>(&arguments[i]) : nullptr;
  check(value != nullptr, "damaged PyTorch file (", what, " without its argument ", i, ")");
  return *value;
}

std::vector<int64_t> integers(std::span<const PickleValue> values) {
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < values.size(); ++i)
    numbers.push_back(argument<int64_t>(values, i, "a tensor's shape"));
  return numbers;
}

/// Python 2 passes the content to the constructor, as a list of lists of two.
PickleDict ordered_dict(PickleList arguments, PickleHeap& heap) {
  const PickleDict dict = heap.make_dict();
  if (heap.items(arguments).empty()) return dict;
  const auto content = argument<PickleList>(heap.items(arguments), 0, "an OrderedDict");
  for (size_t i = 0; i < heap.items(content).size(); ++i) {
    const auto pair = heap.items(argument<PickleList>(heap.items(content), i, "an OrderedDict"));
    check(pair.size() == 2, "damaged PyTorch file (an OrderedDict's key without a value)");
    heap.append(dict, PicklePair(pair[0], pair[1]));
  }
  return dict;
}

}  // namespace

uint32_t PytorchObjects::global(std::string_view module, std::string_view name) {
  // Storages of another device have their class in a module of their own.
  const std::string_view home = module == "torch.cuda" ? "torch" : module;
  for (uint32_t i = 0; i < known_globals.size(); ++i) {
    if (known_globals[i].module == home && known_globals[i].name == name) return i;
  }
  throw Error(concat("holds ", shown(module), ".", shown(name),
                     ", and only tensors and plain values are read; save the state_dict alone"));
}

PickleValue PytorchObjects::call(uint32_t global, PickleList arguments, PickleHeap& heap) {
  const Known& known = known_globals[global];
  switch (known.meaning) {
    case Meaning::tensor:
      return rebuilt_tensor(heap.items(arguments), heap);
    case Meaning::parameter: {
      const auto object = argument<PickleObject>(heap.items(arguments), 0, "a parameter");
      check(tensor(object) != nullptr, "damaged PyTorch file (a parameter that is no tensor)");
      return object;
    }
    case Meaning::ordered_dict:
      return ordered_dict(arguments, heap);
    case Meaning::plain:
      return PickleNone{};
    case Meaning::storage:
      break;
  }
  throw Error(concat("damaged PyTorch file (", known.name, " is called)"));
}

/// ("storage", class, key, device, count) and, in the legacy format, None or (key of the view,
/// first, count).
PickleValue PytorchObjects::persistent(const PickleValue& id, PickleHeap& heap) {
  constexpr const char* what = "a storage";
  const auto list = argument<PickleList>({&id, 1}, 0, what);
  const std::span<const PickleValue> parts = heap.items(list);
  check(argument<std::string_view>(parts, 0, what) == "storage",
        "damaged PyTorch file (a reference to no storage)");
  const Known& known = known_globals[argument<PickleGlobal>(parts, 1, what).number];
  check(known.meaning == Meaning::storage, "damaged PyTorch file (a storage of class ", known.name,
        ")");
  const auto count = argument<int64_t>(parts, 4, what);
  check(count >= 0, "damaged PyTorch file (a storage of ", count, " elements)");
  const PytorchStorage storage{argument<std::string_view>(parts, 2, what), known.type,
                               static_cast<uint64_t>(count)};
  Slice slice{add_storage(storage), 0, count};
  if (parts.size() > 5 && !std::holds_alternative<PickleNone>(parts[5])) {
    const auto view = heap.items(argument<PickleList>(parts, 5, what));
    slice.first = argument<int64_t>(view, 1, "a view of a storage");
    slice.count = argument<int64_t>(view, 2, "a view of a storage");
    check(slice.first >= 0 && slice.count >= 0 && slice.first <= count &&
              slice.count <= count - slice.first,
          "damaged PyTorch file (a view beyond its storage)");
  }
  return add(slice, heap);
}

uint32_t PytorchObjects::storage_of(std::string_view key) const {
  const auto found = number_of_key_.find(key);
  check(found != number_of_key_.end(), "damaged PyTorch file (no tensor has the storage ",
        shown(key), ")");
  return found->second;
}

uint32_t PytorchObjects::add_storage(const PytorchStorage& storage) {
  const auto [place, is_new] =
      number_of_key_.try_emplace(storage.key, static_cast<uint32_t>(storages_.size()));
  if (is_new) storages_.push_back(storage);
  const PytorchStorage& first = storages_[place->second];
  check(first.type == storage.type && first.count == storage.count,
        "damaged PyTorch file (two storages with the key ", shown(storage.key), ")");
  return place->second;
}

/// (storage, first element, sizes, strides, ...); what follows is of no interest without gradients.
PickleValue PytorchObjects::rebuilt_tensor(std::span<const PickleValue> arguments,
                                           PickleHeap& heap) {
  constexpr const char* what = "a tensor";
  const auto* slice =
      std::get_if<Slice>(&objects_[argument<PickleObject>(arguments, 0, what).number]);
  check(slice != nullptr, "damaged PyTorch file (a tensor without a storage)");
  PytorchTensor tensor{slice->storage, {}};
  StoredElements& elements = tensor.elements;
  elements.type = storages_[slice->storage].type;
  elements.shape = integers(heap.items(argument<PickleList>(arguments, 2, what)));
  elements.strides = integers(heap.items(argument<PickleList>(arguments, 3, what)));
  const auto first = argument<int64_t>(arguments, 1, what);
  check(first >= 0 && first <= slice->count, "damaged PyTorch file (a tensor beyond its storage)");
  elements.first = slice->first + first;
  return add(std::move(tensor), heap);
}

PickleObject PytorchObjects::add(std::variant<Slice, PytorchTensor> object, PickleHeap& heap) {
  size_t values = 8;
  if (const auto* tensor = std::get_if<PytorchTensor>(&object))
    values += tensor->elements.shape.size();
  heap.charge(values);
  objects_.push_back(std::move(object));
  return {static_cast<uint32_t>(objects_.size() - 1)};
}

}  // namespace tl
