// One string first, then all of them. A file can state any number of attributes, of any length, and
// let all of them be one text: each has a limit, and so have all together.
#include "io/hdf5_attributes.h"

#include <algorithm>
#include <cstring>

#include "io/printable.h"
#include "io/weights_file.h"

namespace tl {
namespace {

constexpr size_t max_attributes = 4096;
constexpr size_t max_string_bytes = size_t{1} << 24;
constexpr size_t max_all_strings_bytes = size_t{1} << 26;

/// One string, of either of HDF5's two kinds.
std::string read_string(hid_t attribute, hid_t type, const std::string& what) {
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    hdf5_check(H5Aread(attribute, type, &text), what);
    std::string copy = text ? std::string(text, ::strnlen(text, max_string_bytes)) : "";
    H5free_memory(text);
    return copy;
  }
  const size_t size = H5Tget_size(type);
  check(size <= max_string_bytes, what, ": over ", max_string_bytes, " bytes");
  std::string text(size, '\0');
  hdf5_check(H5Aread(attribute, type, text.data()), what);
  const bool spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  const size_t end = spaces ? text.find_last_not_of(' ') + 1 : text.find('\0');
  text.resize(std::min(end, size));
  return text;
}

}  // namespace

std::map<std::string, std::string> read_hdf5_attributes(hid_t file) {
  std::map<std::string, std::string> strings;
  const Hdf5Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose, "/");
  H5O_info_t info;
  hdf5_check(H5Oget_info2(root.get(), &info, H5O_INFO_NUM_ATTRS), "attributes");
  check(info.num_attrs <= max_attributes, "over ", max_attributes, " attributes");
  size_t bytes = 0;
  for (hsize_t i = 0; i < info.num_attrs; ++i) {
    const Hdf5Handle attribute(
        H5Aopen_by_idx(root.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose, "attribute");
    const Hdf5Handle type(H5Aget_type(attribute.get()), H5Tclose, "attribute");
    const Hdf5Handle space(H5Aget_space(attribute.get()), H5Sclose, "attribute");
    if (H5Tget_class(type.get()) != H5T_STRING) continue;
    if (H5Sget_simple_extent_npoints(space.get()) != 1) continue;
    const ssize_t length = hdf5_check(H5Aget_name(attribute.get(), 0, nullptr), "attribute");
    check(static_cast<size_t>(length) <= max_name_bytes, "an attribute's name over ",
          max_name_bytes, " bytes");
    std::string name(static_cast<size_t>(length) + 1, '\0');
    hdf5_check(H5Aget_name(attribute.get(), name.size(), name.data()), "attribute");
    name.pop_back();
    std::string& text = strings[name] =
        read_string(attribute.get(), type.get(), "attribute " + shown(name));
    bytes += name.size() + text.size();  // many may be one text of the file
    check(bytes <= max_all_strings_bytes, "over ", max_all_strings_bytes, " bytes of attributes");
  }
  return strings;
}

}  // namespace tl
