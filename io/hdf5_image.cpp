// HDF5's core driver copies the bytes that it is given up to three times, unless its callbacks for
// memory say otherwise: these here hand out the bytes themselves for each copy.
#include "io/hdf5_image.h"

#include <cstring>

namespace tl {
namespace {

std::span<const std::byte> open_image;

void* give(size_t size, H5FD_file_image_op_t, void*) {
  return size <= open_image.size() ? const_cast<std::byte*>(open_image.data()) : nullptr;
}
void* copy(void* to, const void* from, size_t size, H5FD_file_image_op_t, void*) {
  return to == from ? to : std::memcpy(to, from, size);
}
void* refuse_to_grow(void*, size_t, H5FD_file_image_op_t, void*) { return nullptr; }
herr_t leave(void*, H5FD_file_image_op_t, void*) { return 0; }

}  // namespace

Hdf5Handle open_hdf5_image(std::span<const std::byte> file) {
  open_image = file;
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "HDF5");
  H5FD_file_image_callbacks_t callbacks{give,    copy,    refuse_to_grow, leave,
                                        nullptr, nullptr, nullptr};
  hdf5_check(H5Pset_fapl_core(access.get(), 1 << 16, false), "HDF5");
  hdf5_check(H5Pset_file_image_callbacks(access.get(), &callbacks), "HDF5");
  hdf5_check(H5Pset_file_image(access.get(), const_cast<std::byte*>(file.data()), file.size()),
             "HDF5");
  const hid_t opened = H5Fopen("image", H5F_ACC_RDONLY, access.get());
  if (opened < 0) {
    const std::string cause = hdf5_cause();
    check(cause.find("signature not found") == std::string::npos, "not an HDF5 file");
    check(cause.find("truncated file") == std::string::npos, "truncated HDF5 file");
    throw unreadable_hdf5(cause);
  }
  return {opened, H5Fclose, ""};
}

}  // namespace tl
