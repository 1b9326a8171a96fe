// An HDF5 file that is in memory, opened where it lies.
#pragma once

#include <cstddef>
#include <span>

#include "io/hdf5_handle.h"

namespace tl {

/// Opens the file for reading. Its bytes are not copied: they must stay until the handle is closed,
/// and one image can be open at a time. Throws Error (cause alone): not HDF5, truncated, damaged.
Hdf5Handle open_hdf5_image(std::span<const std::byte> file);

}  // namespace tl
