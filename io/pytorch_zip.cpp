// read_pytorch_zip. The archive holds, all in one folder: data.pkl, the pickle; data/<key>, the
// storages; byteorder, since PyTorch 2.1.
#include <algorithm>

#include "io/printable.h"
#include "io/pytorch_arrays.h"
#include "io/pytorch_file.h"
#include "io/zip_archive.h"

namespace tl {
namespace {

/// What stands before the names of all entries, with its slash.
std::string folder_of(const ZipArchive& archive) {
  constexpr std::string_view pickle = "/data.pkl";
  for (const ZipArchive::Entry& entry : archive.entries()) {
    const size_t slash = entry.name.find('/');
    if (slash == std::string_view::npos || entry.name.substr(slash) != pickle) continue;
    const std::string folder(entry.name.substr(0, slash + 1));
    check(!archive.find(folder + "constants.pkl"),
          "is a TorchScript program; save its state_dict() with torch.save");
    return folder;
  }
  throw Error("is a zip file, but not PyTorch's (it has no data.pkl)");
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
