// The attributes of an HDF5 file that are text. Runs in the child process.
#pragma once

#include <map>
#include <string>

#include "io/hdf5_handle.h"

namespace tl {

/// The single strings on the root group; attributes of other kinds are passed over. Throws Error
/// (cause alone) where they are too many or too long.
std::map<std::string, std::string> read_hdf5_attributes(hid_t file);

}  // namespace tl
