// What an HDF5 file says it holds, checked before any of it is loaded. Runs in the child process.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/hdf5_handle.h"
#include "kernels/dtype.h"

namespace tl {

struct CatalogueEntry {
  std::string name;  // path from the root, no leading slash
  std::vector<int64_t> shape;
  DType dtype;           // of the array that it becomes
  uint64_t address = 0;  // of the dataset in the file: two names of one dataset share it

  uint64_t bytes() const {
    uint64_t n = size_of(dtype);
    for (const int64_t dim : shape) n *= static_cast<uint64_t>(dim);
    return n;
  }
};

struct Catalogue {
  std::vector<CatalogueEntry> entries;
  std::map<std::string, std::string> attributes;
};

/// Walks an open file of `file_bytes` bytes. Throws Error (cause alone) on links to elsewhere, data
/// that lie in other files, element types that are no numbers, and sizes that `file_bytes` cannot
/// hold.
Catalogue list_hdf5(hid_t file, uint64_t file_bytes);

/// The in-memory HDF5 type of a DType.
hid_t hdf5_memory_type(DType dtype);

}  // namespace tl
