// write_hdf5: our own data, so the library runs in this process. It composes the file in memory:
// where the disk is full, its own writing fails in a line of two hundred letters and crashes when
// the program ends.
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "io/atomic_file.h"
#include "io/hdf5_catalogue.h"
#include "io/hdf5_weights.h"

namespace tl {
namespace {

/// The type in the file: little-endian on every machine, so that equal content gives equal bytes.
hid_t stored_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return H5T_IEEE_F32LE;
    case DType::f64:
      return H5T_IEEE_F64LE;
    case DType::i32:
      return H5T_STD_I32LE;
    case DType::u8:
      return H5T_STD_U8LE;
    default:
      throw Error(concat("no HDF5 type for ", dtype));
  }
}

/// HDF5 takes "a//b" and "./a" for "a/b" and "a"; such names would not come back as they went.
void check_hdf5_names(const WeightsFile& file) {
  std::set<std::string> seen;
  for (const auto& [name, array] : file.arrays) {
    const std::string framed = "/" + name + "/";
    const bool plain = framed.find("//") == std::string::npos &&
                       framed.find("/./") == std::string::npos &&
                       name.find('\0') == std::string::npos;
    check(plain, "\"", name, "\" is no name for an array");
    check(seen.insert(name).second, name, ": two arrays of that name");
    check(array.count() == 0 || array.data, name, ": has no data");
  }
  for (const auto& [name, text] : file.attributes) {
    check(!name.empty() && name.find('\0') == std::string::npos, "an attribute needs a name");
    check(text.find('\0') == std::string::npos, "attribute ", name, ": holds a zero byte");
  }
}

/// Groups that remember the order of what is put into them and no times.
Hdf5Handle ordered(hid_t property_class) {
  Hdf5Handle properties(H5Pcreate(property_class), H5Pclose, "HDF5");
  H5Pset_link_creation_order(properties.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(properties.get(), false);
  return properties;
}

/// The groups that a name like "a/b/c" needs, made one by one, for those that HDF5 makes by itself
/// would keep no order.
void create_groups(hid_t file, const std::string& name, std::set<std::string>& groups) {
  for (size_t slash = name.find('/'); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    const std::string group = name.substr(0, slash);
    if (!groups.insert(group).second) continue;
    const Hdf5Handle properties = ordered(H5P_GROUP_CREATE);
    Hdf5Handle(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
               H5Gclose, group);
  }
}

void write_array(hid_t file, const std::string& name, const Array& array) {
  const std::vector<hsize_t> dims(array.shape.begin(), array.shape.end());
  const Hdf5Handle space(
      dims.empty() ? H5Screate(H5S_SCALAR)
                   : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
      H5Sclose, name);
  const Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, name);
  H5Pset_obj_track_times(properties.get(), false);
  H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER);
  const Hdf5Handle dataset(H5Dcreate2(file, name.c_str(), stored_type(array.dtype), space.get(),
                                      H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                           H5Dclose, name);
  if (array.count() == 0) return;
  hdf5_check(H5Dwrite(dataset.get(), hdf5_memory_type(array.dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                      array.data.get()),
             name);
}

void write_string(hid_t file, const std::string& name, const std::string& text) {
  const std::string what = "attribute " + name;
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, what);
  hdf5_check(H5Tset_size(type.get(), H5T_VARIABLE), what);
  hdf5_check(H5Tset_cset(type.get(), H5T_CSET_UTF8), what);
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, what);
  const Hdf5Handle attribute(
      H5Acreate2(file, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      what);
  const char* pointer = text.c_str();
  hdf5_check(H5Awrite(attribute.get(), type.get(), &pointer), what);
}

/// More than a file needs beside its arrays; what it outgrows is moved.
constexpr size_t kSlack = 1 << 20;

/// The file, open, in the library's memory. Under the library's mutex.
Hdf5Handle composed(const WeightsFile& content) {
  const Hdf5Handle creation = ordered(H5P_FILE_CREATE);
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "HDF5");
  size_t bytes = kSlack;
  for (const auto& [name, array] : content.arrays) bytes += array.bytes();
  hdf5_check(H5Pset_fapl_core(access.get(), bytes, false), "HDF5");
  static int files = 0;  // to the library, files of one name are one file
  const std::string name_in_library = concat("image ", files++);
  Hdf5Handle file(H5Fcreate(name_in_library.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()),
                  H5Fclose, "HDF5");
  std::set<std::string> groups;
  for (const auto& [name, array] : content.arrays) {
    create_groups(file.get(), name, groups);
    write_array(file.get(), name, array);
  }
  for (const auto& [name, text] : content.attributes) write_string(file.get(), name, text);
  hdf5_check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "HDF5");
  return file;
}

/// The bytes of such a file, where they are: a model may be large, so it is not copied once more.
std::string_view bytes_of(hid_t file) {
  void* memory = nullptr;
  hdf5_check(H5Fget_vfd_handle(file, H5P_DEFAULT, &memory), "HDF5");
  const auto size = hdf5_check(H5Fget_file_image(file, nullptr, 0), "HDF5");
  return {*static_cast<const char* const*>(memory), static_cast<size_t>(size)};
}

/// Such a file for whoever does not hold the library's mutex: the disk may take its time.
class FileInMemory {
 public:
  explicit FileInMemory(const WeightsFile& content) {
    const std::lock_guard lock(hdf5_mutex());
    silence_hdf5();
    Hdf5Handle file = composed(content);
    bytes_ = bytes_of(file.get());
    file_ = std::move(file);
  }
  ~FileInMemory() {
    const std::lock_guard lock(hdf5_mutex());
    file_ = {};
  }
  FileInMemory(const FileInMemory&) = delete;
  FileInMemory& operator=(const FileInMemory&) = delete;

  std::string_view bytes() const { return bytes_; }

 private:
  Hdf5Handle file_;
  std::string_view bytes_;
};

std::unique_ptr<FileInMemory> file_in_memory(const std::filesystem::path& path,
                                             const WeightsFile& content) {
  try {
    check_hdf5_names(content);
    return std::make_unique<FileInMemory>(content);
  } catch (const Error& error) {
    throw Error(concat(path.string(), ": ", error.what()));
  }
}

}  // namespace

void write_hdf5(const std::filesystem::path& path, const WeightsFile& file) {
  write_file_atomically(path, file_in_memory(path, file)->bytes());
}

}  // namespace tl
