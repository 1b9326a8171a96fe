// What an HDF5 file says it holds, checked before any of it is loaded. Runs in the child process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5_handle.h"
#include "kernels/dtype.h"

namespace tl {

struct CatalogueEntry {
  std::string name;  // path from the root, no leading slash
  std::vector<int64_t> shape;
  DType dtype;                    // of the array that it becomes
  uint64_t address = 0;           // of the dataset in the file: two names of one dataset share it
  std::optional<uint64_t> place;  // in the file, of elements that can be used where they lie
  bool is_wide = false;           // stored integers may be larger than i32's

  uint64_t bytes() const { return count() * size_of(dtype); }
  /// For either of the types that wide integers may become.
  uint64_t room() const { return is_wide ? count() * size_of(DType::f64) : bytes(); }

 private:
  uint64_t count() const {
    uint64_t n = 1;
    for (const int64_t dim : shape) n *= static_cast<uint64_t>(dim);
    return n;
  }
};

struct Catalogue {
  std::vector<CatalogueEntry> entries;
  std::map<std::string, std::string> attributes;
};

/// Walks an open file, whose bytes are given too. Throws Error (cause alone) on links to elsewhere,
/// data that lie in other files, element types that are no numbers, and sizes that the file cannot
/// hold.
Catalogue list_hdf5(hid_t file, std::span<const std::byte> bytes);

/// The in-memory HDF5 type of a DType.
hid_t hdf5_memory_type(DType dtype);

}  // namespace tl
