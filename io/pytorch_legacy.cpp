// read_pytorch_legacy. Five pickles, one after another: a magic number, the version of the format,
// the machine that wrote it, the content, the keys of the storages; then for each key the number of
// its elements (64 bits) and the elements.
#include <string>

#include "io/printable.h"
#include "io/pytorch_arrays.h"
#include "io/pytorch_file.h"

namespace tl {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view magic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
constexpr int64_t version = 1001;

void check_magic(const PickleValue& value) {
  const auto* number = std::get_if<PickleBytes>(&value);
  check(number && number->bytes == magic, "is a Python pickle, but not one that torch.save wrote");
}

void check_version(const PickleValue& value) {
  const auto* number = std::get_if<int64_t>(&value);
  check(number && *number == version, "a PyTorch file of a version that is not read");
}

std::endian byte_order(const PickleValue& machine, const PickleHeap& heap) {
  const auto* dict = std::get_if<PickleDict>(&machine);
  const PickleValue* value = dict ? heap.find(*dict, "little_endian") : nullptr;
  const bool* is_little = value ? std::get_if<bool>(value) : nullptr;
  check(is_little != nullptr, "damaged PyTorch file (no byte order)");
  return *is_little ? std::endian::little : std::endian::big;
}

/// The bytes of each storage, by its number.
std::vector<SharedBytes> read_storages(ByteReader& in, const PickleValue& keys,
                                       const PytorchObjects& objects, const PickleHeap& heap,
                                       std::endian order, const SharedBytes& file) {
  std::vector<SharedBytes> storages(objects.storages().size());
  const auto* list = std::get_if<PickleList>(&keys);
  check(list != nullptr, "damaged PyTorch file (no list of storages)");
  for (const PickleValue& key : heap.items(*list)) {
    const auto* text = std::get_if<std::string_view>(&key);
    check(text != nullptr, "damaged PyTorch file (a storage's key is no text)");
    const uint32_t number = objects.storage_of(*text);
    const PytorchStorage& storage = objects.storages()[number];
    const auto count = in.number<uint64_t>(order);
    check(count == storage.count, "damaged PyTorch file (the storage ", shown(*text), " has ",
          count, " elements, not ", storage.count, ")");
    check(count <= in.left() / size_of(storage.type), "truncated PyTorch file");
    check(!storages[number].data, "damaged PyTorch file (the storage ", shown(*text), " twice)");
    storages[number] = file.part(in.take(storage.bytes()));
  }
  for (size_t i = 0; i < storages.size(); ++i) {
    check(storages[i].data != nullptr, "damaged PyTorch file (the storage ",
          shown(objects.storages()[i].key), " is missing)");
  }
  return storages;
}

/// The pickles of a file, and what they refer to.
struct Pickles {
  explicit Pickles(ByteReader& in) {
    check_magic(read_pickle(in, objects, heap));
    check_version(read_pickle(in, objects, heap));
    order = byte_order(read_pickle(in, objects, heap), heap);
    root = read_pickle(in, objects, heap);
    keys = read_pickle(in, objects, heap);
  }

  PytorchObjects objects;
  PickleHeap heap;
  std::endian order;
  PickleValue root, keys;
};

}  // namespace

WeightsFile read_pytorch_legacy(const SharedBytes& file) {
  ByteReader in(file.span(), "PyTorch file");
  const Pickles pickles(in);
  const auto storages =
      read_storages(in, pickles.keys, pickles.objects, pickles.heap, pickles.order, file);
  return weights_from_pickle(pickles.root, pickles.objects, pickles.heap, storages, pickles.order,
                             file.size);
}

uint64_t pytorch_legacy_elements(std::span<const std::byte> head) {
  ByteReader in(head, "PyTorch file");
  try {
    const Pickles pickles(in);
  } catch (const Error&) {
    return 0;  // whatever is wrong, read_pytorch_legacy says it
  }
  return in.position() + sizeof(uint64_t);
}

}  // namespace tl
