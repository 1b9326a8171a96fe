// read_hdf5. The child lists the file, sizes the shared memory, reads every dataset into its place
// there and answers with the list; the parent checks that list against the memory and makes Arrays
// of it. Nothing that the child says is believed, for it may have been taken over by the file.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <variant>

#include "io/check_system.h"
#include "io/hdf5_catalogue.h"
#include "io/hdf5_weights.h"
#include "io/regular_file.h"
#include "io/sandbox.h"
#include "io/unique_fd.h"

namespace tl {
namespace {

constexpr uint64_t alignment = 64;
constexpr uint64_t max_total_bytes = uint64_t{1} << 37;

/// Memory from mmap that goes away with the last Array in it.
std::shared_ptr<std::byte> map(int fd, uint64_t bytes, int protection) {
  if (bytes == 0) return nullptr;
  void* address = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  check_system(address != MAP_FAILED, "no memory for ", bytes, " bytes of arrays");
  return {static_cast<std::byte*>(address), [bytes](std::byte* p) { ::munmap(p, bytes); }};
}

/// The size of a file that HDF5 may be let loose on.
uint64_t regular_file_bytes(const std::filesystem::path& path) {
  const RegularFile file = open_regular_file(path);
  check(file.bytes > 0, "empty file");
  return file.bytes;
}

// ---- in the child ----

/// An HDF5 file that is in memory already.
using FileImage = std::span<const std::byte>;
using Source = std::variant<std::filesystem::path, FileImage>;

Hdf5Handle open_file(const Source& source) {
  silence_hdf5();
  H5PLset_loading_state(0);  // no plugin is loaded because a file asks for it
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "HDF5");
  H5Pset_file_locking(access.get(), false, true);
  std::string name = "image";
  if (const FileImage* image = std::get_if<FileImage>(&source)) {
    hdf5_check(H5Pset_fapl_core(access.get(), 1 << 16, false), "HDF5");
    hdf5_check(
        H5Pset_file_image(access.get(), const_cast<std::byte*>(image->data()), image->size()),
        "HDF5");
  } else {
    name = std::get<std::filesystem::path>(source).string();
  }
  const hid_t file = H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.get());
  if (file < 0) {
    const std::string cause = hdf5_cause();
    check(cause.find("signature not found") == std::string::npos, "not an HDF5 file");
    check(cause.find("truncated file") == std::string::npos, "truncated HDF5 file");
    throw Error("damaged HDF5 file (" + cause + ")");
  }
  return {file, H5Fclose, ""};
}

/// A number that does not fit its new type ends the reading instead of becoming the nearest that
/// does.
H5T_conv_ret_t refuse_overflow(H5T_conv_except_t what, hid_t, hid_t, void*, void*, void*) {
  const bool overflow = what == H5T_CONV_EXCEPT_RANGE_HI || what == H5T_CONV_EXCEPT_RANGE_LOW;
  return overflow ? H5T_CONV_ABORT : H5T_CONV_UNHANDLED;
}

void read_dataset(hid_t file, const CatalogueEntry& entry, std::byte* into) {
  const Hdf5Handle dataset(H5Dopen2(file, entry.name.c_str(), H5P_DEFAULT), H5Dclose, entry.name);
  const Hdf5Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, entry.name);
  H5Pset_type_conv_cb(transfer.get(), refuse_overflow, nullptr);
  const Hdf5Handle type(H5Dget_type(dataset.get()), H5Tclose, entry.name);
  // HDF5 converts no enumeration to a number; its base type has the same bytes.
  const bool is_enum = H5Tget_class(type.get()) == H5T_ENUM;
  const hid_t memory_type = is_enum ? type.get() : hdf5_memory_type(entry.dtype);
  hdf5_check(H5Dread(dataset.get(), memory_type, H5S_ALL, H5S_ALL, transfer.get(), into),
             entry.name);
}

/// Gives each dataset its offset; equal addresses, equal offsets. Returns the bytes of all.
uint64_t assign_offsets(const Catalogue& catalogue, std::vector<uint64_t>& offsets) {
  std::map<uint64_t, uint64_t> offset_of;
  uint64_t total = 0;
  for (const CatalogueEntry& entry : catalogue.entries) {
    const auto [place, is_new] = offset_of.try_emplace(entry.address, total);
    if (is_new) total += (entry.bytes() + alignment - 1) / alignment * alignment;
    check(total <= max_total_bytes, "over the limit of ", max_total_bytes, " bytes of arrays");
    offsets.push_back(place->second);
  }
  return total;
}

std::string answer(const Catalogue& catalogue, const std::vector<uint64_t>& offsets) {
  nlohmann::json arrays = nlohmann::json::array();
  for (size_t i = 0; i < offsets.size(); ++i) {
    const CatalogueEntry& entry = catalogue.entries[i];
    arrays.push_back({entry.name, static_cast<int>(entry.dtype), entry.shape, offsets[i]});
  }
  const auto bytes =
      nlohmann::json::to_cbor({{"arrays", arrays}, {"strings", catalogue.attributes}});
  return {bytes.begin(), bytes.end()};
}

std::string read_in_child(const Source& source, uint64_t file_bytes, int memory) {
  ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);  // read-only media and network folders cannot lock
  const Hdf5Handle file = open_file(source);
  try {
    const Catalogue catalogue = list_hdf5(file.get(), file_bytes);
    std::vector<uint64_t> offsets;
    const uint64_t total = assign_offsets(catalogue, offsets);
    allow_memory(total);
    check_system(::ftruncate(memory, static_cast<off_t>(total)) == 0, "no memory for ", total,
                 " bytes of arrays");
    const std::shared_ptr<std::byte> base = map(memory, total, PROT_READ | PROT_WRITE);
    std::set<uint64_t> done;
    for (size_t i = 0; i < offsets.size(); ++i) {
      const CatalogueEntry& entry = catalogue.entries[i];
      if (entry.bytes() > 0 && done.insert(offsets[i]).second) {
        read_dataset(file.get(), entry, base.get() + offsets[i]);
      }
    }
    return answer(catalogue, offsets);
  } catch (const Hdf5Error& error) {
    throw Error(concat("damaged or unsupported HDF5 file (", error.what(), ")"));
  }
}

// ---- in the parent ----

/// One array of the child's answer, with every number checked.
std::pair<std::string, Array> array_from(const nlohmann::json& json, uint64_t total,
                                         const std::shared_ptr<std::byte>& base) {
  Array array;
  array.shape = json.at(2).get<std::vector<int64_t>>();
  const int dtype = json.at(1).get<int>();
  check(dtype >= 0 && dtype <= static_cast<int>(DType::u8), "dtype");
  array.dtype = static_cast<DType>(dtype);
  const auto offset = json.at(3).get<uint64_t>();
  uint64_t bytes = size_of(array.dtype);
  for (const int64_t dim : array.shape) {
    check(dim >= 0 && (dim == 0 || bytes <= max_total_bytes / static_cast<uint64_t>(dim)), "shape");
    bytes *= static_cast<uint64_t>(dim);
  }
  check(offset % alignment == 0 && offset <= total && bytes <= total - offset, "offset");
  if (bytes > 0) array.data = {base, base.get() + offset};
  return {json.at(0).get<std::string>(), std::move(array)};
}

WeightsFile weights_from(const std::string& text, int memory) {
  struct stat status;
  check_system(::fstat(memory, &status) == 0);
  const auto total = static_cast<uint64_t>(status.st_size);
  const std::shared_ptr<std::byte> base = map(memory, total, PROT_READ);
  WeightsFile file;
  const auto json = nlohmann::json::from_cbor(text);
  for (const auto& entry : json.at("arrays")) {
    file.arrays.push_back(array_from(entry, total, base));
  }
  for (const auto& [name, value] : json.at("strings").items()) {
    file.attributes[name] = value.get<std::string>();
  }
  return file;
}

WeightsFile read_isolated(const Source& source, uint64_t file_bytes) {
  const UniqueFd memory(::memfd_create("tl-weights", MFD_CLOEXEC));
  check_system(static_cast<bool>(memory), "memfd_create");

  ChildLimits limits;
  limits.more_memory_bytes = max_total_bytes;
  limits.cpu_seconds = 30 + file_bytes / 5'000'000;
  std::string text;
  {
    const std::lock_guard lock(hdf5_mutex());  // no thread of ours is inside HDF5 when we fork
    text = run_in_child(limits, [&] { return read_in_child(source, file_bytes, memory.get()); });
  }
  try {
    return weights_from(text, memory.get());
  } catch (const nlohmann::json::exception&) {
    throw Error("damaged HDF5 file (the reading process gave no usable answer)");
  }
}

}  // namespace

WeightsFile read_hdf5(const std::filesystem::path& path) {
  try {
    return read_isolated(path, regular_file_bytes(path));
  } catch (const std::exception& error) {
    throw Error(concat(path.string(), ": ", error.what()));
  }
}

WeightsFile read_hdf5(std::span<const std::byte> file) {
  check(!file.empty(), "empty file");
  return read_isolated(file, file.size());
}

}  // namespace tl
