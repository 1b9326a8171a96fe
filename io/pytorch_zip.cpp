// read_pytorch_zip. The archive holds, all in one folder: data.pkl, the pickle; data/<key>, the
// storages; byteorder, since PyTorch 2.1.
#include <algorithm>

#include "io/printable.h"
#include "io/pytorch_arrays.h"
#include "io/pytorch_file.h"
#include "io/zip_archive.h"

namespace tl {
namespace {

bool has(const ZipArchive& archive, std::string_view ending) {
  return std::ranges::any_of(archive.entries(),
                             [&](const auto& entry) { return entry.name.ends_with(ending); });
}

/// What a zip file is that torch.save did not write, and the remedy.
std::string name_of_other_zip(const ZipArchive& archive) {
  if (has(archive, "model.weights.h5"))
    return "is a Keras model (.keras), a zip file; unpack it (unzip) and take its model.weights.h5";
  if (has(archive, ".npy"))
    return "is a NumPy archive (.npz); load it in Python and save its arrays in safetensors";
  if (has(archive, "serialized_exported_program.json"))
    return "is a program of torch.export (.pt2); save its state_dict with torch.save";
  if (has(archive, "model.json") && has(archive, "attributes.pkl"))
    return "is a TorchScript program; load it with torch.jit.load and save its state_dict() with "
           "torch.save";
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(archive.entries().size(), 3); ++i)
    names += (i ? ", " : "") + shown(archive.entries()[i].name);
  return concat("is a zip file, but not PyTorch's (it has no data.pkl)",
                names.empty() ? "" : "; unpack it (unzip) if the weights are in it: " + names);
}

/// What stands before the names of all entries, with its slash.
std::string folder_of(const ZipArchive& archive) {
  constexpr std::string_view pickle = "/data.pkl";
  for (const ZipArchive::Entry& entry : archive.entries()) {
    const size_t slash = entry.name.find('/');
    if (slash == std::string_view::npos || entry.name.substr(slash) != pickle) continue;
    const std::string folder(entry.name.substr(0, slash + 1));
    check(!archive.find(folder + "constants.pkl"),
          "is a TorchScript program; load it with torch.jit.load and save its state_dict() with "
          "torch.save");
    return folder;
  }
  throw Error(name_of_other_zip(archive));
}

std::endian byte_order(const ZipArchive& archive, const std::string& folder) {
  const ZipArchive::Entry* entry = archive.find(folder + "byteorder");
  if (!entry) return std::endian::little;
  const std::string_view text(reinterpret_cast<const char*>(entry->bytes.data()),
                              entry->bytes.size());
  check(text == "little" || text == "big", "damaged PyTorch file (byte order '", shown(text), "')");
  return text == "big" ? std::endian::big : std::endian::little;
}

}  // namespace

WeightsFile read_pytorch_zip(const SharedBytes& file) {
  const ZipArchive archive(file.span());
  const std::string folder = folder_of(archive);
  PytorchObjects objects;
  PickleHeap heap;
  ByteReader in(archive.find(folder + "data.pkl")->bytes, "pickle");
  const PickleValue root = read_pickle(in, objects, heap);

  std::vector<SharedBytes> storages;
  for (const PytorchStorage& storage : objects.storages()) {
    const ZipArchive::Entry* entry = archive.find(folder + "data/" + std::string(storage.key));
    check(entry != nullptr, "damaged PyTorch file (the storage ", shown(storage.key),
          " is missing)");
    check(entry->bytes.size() % size_of(storage.type) == 0 &&
              entry->bytes.size() / size_of(storage.type) == storage.count,
          "damaged PyTorch file (the storage ", shown(storage.key), " has ", entry->bytes.size(),
          " bytes, which are not its ", storage.count, " elements)");
    storages.push_back(file.part(entry->bytes));
  }
  return weights_from_pickle(root, objects, heap, storages, byte_order(archive, folder), file.size);
}

}  // namespace tl
