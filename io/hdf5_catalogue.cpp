// Reading order: the caps, element types, shapes and storage of one dataset, groups.
//
// A damaged file can state any size. Stored bytes of all datasets together cannot exceed the file,
// and one of them may stand for 1,032 at most, which bounds the rest. That is all that deflate can
// make of a byte; two filters in a row (scale-offset, then deflate) can make more of an array of
// equal numbers, which is refused with advice.
#include "io/hdf5_catalogue.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "io/hdf5_attributes.h"
#include "io/printable.h"
#include "io/weights_file.h"
#include "kernels/error.h"

namespace tl {
namespace {

constexpr int max_group_depth = 32;
constexpr size_t max_objects = 200'000;
constexpr uint64_t max_expansion = 1032;
constexpr uint64_t max_array_bytes = uint64_t{1} << 36;

/// The array type that a stored element type becomes.
DType array_dtype(hid_t type, const std::string& name) {
  const size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return size <= 4 ? DType::f32 : DType::f64;
    case H5T_INTEGER:
      return size == 1 && H5Tget_sign(type) == H5T_SGN_NONE ? DType::u8 : DType::i32;
    case H5T_ENUM:  // h5py's booleans
      check(size == 1, name, ": an enumeration of ", size, " bytes, expected numbers");
      return DType::u8;
    case H5T_STRING:
      throw Error(concat(name, ": holds text, expected numbers"));
    default:
      throw Error(concat(name, ": holds neither floats nor integers"));
  }
}

/// Whether i32 may not hold all of them.
bool is_wide_integer(hid_t type) {
  if (H5Tget_class(type) != H5T_INTEGER) return false;
  return H5Tget_size(type) > 4 || (H5Tget_size(type) == 4 && H5Tget_sign(type) == H5T_SGN_NONE);
}

/// What the filters are called that other programs bring along. Source: the HDF Group's list of
/// registered filters.
std::string name_of_filter(H5Z_filter_t id, const std::string& name_in_file) {
  constexpr std::pair<H5Z_filter_t, const char*> known[] = {
      {H5Z_FILTER_SZIP, "szip"}, {305, "LZO"},      {307, "bzip2"},        {32000, "LZF"},
      {32001, "Blosc"},          {32004, "LZ4"},    {32008, "bitshuffle"}, {32013, "ZFP"},
      {32015, "Zstandard"},      {32026, "Blosc2"},
  };
  for (const auto& [known_id, name] : known)
    if (id == known_id) return name;
  return concat("filter ", id, name_in_file.empty() ? "" : " (" + shown(name_in_file) + ")");
}

std::vector<int64_t> array_shape(hid_t dataset, const std::string& name) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, name);
  const H5S_class_t kind = H5Sget_simple_extent_type(space.get());
  check(kind == H5S_SCALAR || kind == H5S_SIMPLE, name, ": has no shape");
  const int rank = hdf5_check(H5Sget_simple_extent_ndims(space.get()), name);
  check(rank <= int{max_rank}, name, ": ", rank, " dimensions, over the limit of ", max_rank);
  hsize_t dims[H5S_MAX_RANK];
  hdf5_check(H5Sget_simple_extent_dims(space.get(), dims, nullptr), name);
  uint64_t count = 1;
  for (const hsize_t dim : std::span(dims, static_cast<size_t>(rank))) {
    check(dim <= max_array_bytes && (dim == 0 || count <= max_array_bytes / dim), name,
          ": its shape is over the limit of ", max_array_bytes, " elements");
    count *= dim;
  }
  return {dims, dims + rank};
}

class Walker {
 public:
  Walker(hid_t file, std::span<const std::byte> bytes)
      : file_(file), bytes_(bytes), bytes_left_(bytes.size()) {}

  Catalogue walk() {
    const Hdf5Handle root(H5Gopen2(file_, "/", H5P_DEFAULT), H5Gclose, "/");
    visit_group(root.get(), "", 0);
    return std::move(catalogue_);
  }

 private:
  static void check_filters(hid_t properties, const std::string& name) {
    const int count = hdf5_check(H5Pget_nfilters(properties), name);
    for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
      char filter[64] = "";
      unsigned flags = 0;
      size_t values = 0;
      const H5Z_filter_t id = hdf5_check(
          H5Pget_filter2(properties, i, &flags, &values, nullptr, sizeof filter, filter, nullptr),
          name);
      filter[sizeof filter - 1] = '\0';
      check(H5Zfilter_avail(id) > 0, name, ": is packed by ", name_of_filter(id, filter),
            ", which needs a plugin; store it with gzip or as it is (h5repack -f NONE)");
    }
  }

  /// Takes the dataset's stored bytes off what the file has; refuses more elements than these can
  /// be.
  void check_storage(hid_t dataset, hid_t type, const CatalogueEntry& entry) {
    const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose, entry.name);
    const H5D_layout_t layout = H5Pget_layout(properties.get());
    check(layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED, entry.name,
          ": its data lie in other datasets, which is refused");
    check(H5Pget_external_count(properties.get()) == 0, entry.name,
          ": its data lie in another file, which is refused");

    if (layout == H5D_CHUNKED) check_filters(properties.get(), entry.name);

    const uint64_t count = entry.bytes() / size_of(entry.dtype);
    if (count == 0) return;
    const uint64_t stored = H5Dget_storage_size(dataset);
    const uint64_t element = std::max<uint64_t>(H5Tget_size(type), 1);
    const uint64_t expansion = layout == H5D_CHUNKED ? max_expansion : 1;
    check(stored > 0, entry.name, ": was never written");
    check(stored <= bytes_left_, entry.name, ": states ", stored,
          " stored bytes, more than the file has");
    const std::string advice = layout == H5D_CHUNKED ? concat(", over the limit of ", expansion,
                                                              " to one; store it with gzip alone")
                                                     : "";
    check(count <= stored * expansion / element, entry.name, ": states ", count, " elements of ",
          element, " bytes, stored in ", stored, " bytes", advice);
    bytes_left_ -= stored;
  }

  /// Where the elements lie in the file, if they are an array as they are there.
  std::optional<uint64_t> place_of(hid_t dataset, hid_t type, const CatalogueEntry& entry) const {
    const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose, entry.name);
    const haddr_t place = H5Dget_offset(dataset);
    const bool is_usable = H5Pget_layout(properties.get()) == H5D_CONTIGUOUS &&
                           H5Tequal(type, hdf5_memory_type(entry.dtype)) > 0 &&
                           place != HADDR_UNDEF && entry.bytes() > 0 && place <= bytes_.size() &&
                           entry.bytes() <= bytes_.size() - place;
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data()) + place;
    if (!is_usable || address % size_of(entry.dtype) != 0) return std::nullopt;
    return place;
  }

  void visit_dataset(hid_t dataset, const std::string& name, uint64_t address) {
    const Hdf5Handle type(H5Dget_type(dataset), H5Tclose, name);
    CatalogueEntry entry{.name = name,
                         .shape = array_shape(dataset, name),
                         .dtype = array_dtype(type.get(), name),
                         .address = address,
                         .place = {},
                         .is_wide = is_wide_integer(type.get())};
    if (datasets_.insert(address).second) check_storage(dataset, type.get(), entry);
    entry.place = place_of(dataset, type.get(), entry);
    catalogue_.entries.push_back(std::move(entry));
  }

  void visit_link(hid_t group, const std::string& link, const std::string& name, int depth) {
    H5L_info_t info;
    hdf5_check(H5Lget_info(group, link.c_str(), &info, H5P_DEFAULT), name);
    check(info.type == H5L_TYPE_HARD, name, ": is a link to another ",
          info.type == H5L_TYPE_SOFT ? "place" : "file", ", which is refused");
    const Hdf5Handle object(H5Oopen(group, link.c_str(), H5P_DEFAULT), H5Oclose, name);
    H5O_info_t object_info;
    hdf5_check(H5Oget_info2(object.get(), &object_info, H5O_INFO_BASIC), name);
    if (object_info.type == H5O_TYPE_DATASET) {
      visit_dataset(object.get(), name, object_info.addr);
    } else if (object_info.type == H5O_TYPE_GROUP) {
      visit_group(object.get(), name + "/", depth + 1);
    }
  }

  void visit_group(hid_t group, const std::string& prefix, int depth) {
    check(depth <= max_group_depth, prefix, ": groups nested over ", max_group_depth, " deep");
    H5O_info_t info;
    hdf5_check(H5Oget_info2(group, &info, H5O_INFO_BASIC), prefix);
    check(groups_.insert(info.addr).second, prefix, ": a group inside itself or with two names");
    std::set<std::string> names;  // damage can make two of one
    for (const std::string& link : links_of(group, prefix)) {
      check(names.insert(link).second, prefix, link, ": two objects of that name");
      check(prefix.size() + link.size() <= max_name_bytes, prefix, ": a name over ", max_name_bytes,
            " bytes");
      check(std::none_of(link.begin(), link.end(), is_control), prefix, link,
            ": a name with a control character, which is refused");
      check(++objects_ <= max_objects, "over ", max_objects, " objects");
      visit_link(group, link, prefix + link, depth);
    }
  }

  static std::vector<std::string> links_of(hid_t group, const std::string& prefix) {
    std::vector<std::string> links;
    const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* into) -> herr_t {
      auto* names = static_cast<std::vector<std::string>*>(into);
      if (names->size() > max_objects) return -1;
      try {  // an exception must not pass through the C library
        names->emplace_back(name);
      } catch (...) {
        return -1;
      }
      return 0;
    };
    hsize_t position = 0;
    hdf5_check(H5Literate(group, index_of(group), H5_ITER_INC, &position, collect, &links),
               prefix.empty() ? "/" : prefix);
    return links;
  }

  static H5_index_t index_of(hid_t group) {
    unsigned flags = 0;
    const Hdf5Handle properties(H5Gget_create_plist(group), H5Pclose, "group");
    H5Pget_link_creation_order(properties.get(), &flags);
    return flags & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  }

  const hid_t file_;
  const std::span<const std::byte> bytes_;
  uint64_t bytes_left_;
  size_t objects_ = 0;
  std::set<uint64_t> groups_, datasets_;
  Catalogue catalogue_;
};

}  // namespace

Catalogue list_hdf5(hid_t file, std::span<const std::byte> bytes) {
  Catalogue catalogue = Walker(file, bytes).walk();
  catalogue.attributes = read_hdf5_attributes(file);
  return catalogue;
}

hid_t hdf5_memory_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return H5T_NATIVE_FLOAT;
    case DType::f64:
      return H5T_NATIVE_DOUBLE;
    case DType::i32:
      return H5T_NATIVE_INT32;
    case DType::u8:
      return H5T_NATIVE_UINT8;
    default:
      throw Error(concat("no HDF5 type for ", dtype));
  }
}

}  // namespace tl
