// Weights in HDF5 files: read_hdf5, safe on files from anywhere, and write_hdf5.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl {

/// Every dataset of the file by its path from the root without the leading slash
/// ("layer1.0.conv1.weight", "a/b/c"), groups depth first, each in the order of creation where the
/// file records it and else bytewise by name. Attributes: the single strings on the root group;
/// other attributes are passed over.
///
/// dtypes: f32, f64, u8 as they are; other floats up to 4 bytes (f16, bf16) become f32, wider ones
/// f64; booleans become u8; other integers become i32, or f64 (the nearest) where one does not fit.
/// Arrays point into `file` where its bytes can be used as they lie there.
///
/// The file is not trusted. The HDF5 library runs in a child process with limits on memory and
/// time, which hands over in shared memory what it has to unpack or convert; sizes are checked
/// against the size of the file before anything is allocated; links to other files, data in other
/// files, filters from plugins and names with control characters are refused. Throws Error with the
/// cause alone, in one line: empty, not HDF5, truncated, damaged, or a dataset named with what
/// cannot be read.
WeightsFile read_hdf5(const SharedBytes& file);
/// The same of a file by its name; throws Error("path: cause"), also where it is missing or a
/// folder.
WeightsFile read_hdf5(const std::filesystem::path& path);
/// The same of a copy of these bytes.
WeightsFile read_hdf5(std::span<const std::byte> file);

/// Writes atomically (see AtomicFile). A name with slashes makes groups. Order of arrays is kept;
/// equal content gives equal bytes. Strings are stored as variable-length UTF-8. Threads may write
/// files at once. Throws Error("path: cause").
void write_hdf5(const std::filesystem::path& path, const WeightsFile& file);

}  // namespace tl
