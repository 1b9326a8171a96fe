// HDF5 files for the tests, made with the library itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "io/hdf5_handle.h"

namespace tl::test {

/// A file made by `body` with the C API.
inline void make_hdf5(const std::filesystem::path& path, const std::function<void(hid_t)>& body) {
  const std::lock_guard lock(hdf5_mutex());
  silence_hdf5();
  const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose,
                        "create");
  body(file.get());
}

/// A dataset of the stored type, from values of the memory type; `properties` as H5Dcreate2 takes
/// them; no dims: a scalar.
inline void put(hid_t file, const char* name, hid_t stored, hid_t memory, std::vector<hsize_t> dims,
                const void* values, hid_t properties = H5P_DEFAULT) {
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                         H5Sclose, name);
  const Hdf5Handle dataset(
      H5Dcreate2(file, name, stored, space.get(), H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose,
      name);
  if (values)
    hdf5_check(H5Dwrite(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), name);
}

/// A floating-point type of one sign bit, `exponent` bits and `mantissa` bits, big-endian or not.
inline Hdf5Handle float_type(size_t exponent, size_t mantissa, H5T_order_t order = H5T_ORDER_LE) {
  Hdf5Handle type(H5Tcopy(H5T_IEEE_F64LE), H5Tclose, "float");
  const size_t bits = 1 + exponent + mantissa;
  hdf5_check(H5Tset_fields(type.get(), bits - 1, mantissa, exponent, 0, mantissa), "float");
  hdf5_check(H5Tset_size(type.get(), (bits + 7) / 8), "float");
  hdf5_check(H5Tset_precision(type.get(), bits), "float");
  hdf5_check(H5Tset_ebias(type.get(), (size_t{1} << (exponent - 1)) - 1), "float");
  hdf5_check(H5Tset_order(type.get(), order), "float");
  return type;
}

/// Chunks of the given shape, with gzip, after shuffling if wanted.
inline Hdf5Handle chunks_of(const std::vector<hsize_t>& shape, bool shuffles = false,
                            bool checksums = false) {
  Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "chunks");
  H5Pset_chunk(properties.get(), static_cast<int>(shape.size()), shape.data());
  if (shuffles) H5Pset_shuffle(properties.get());
  H5Pset_deflate(properties.get(), 6);
  if (checksums) H5Pset_fletcher32(properties.get());
  return properties;
}

}  // namespace tl::test
