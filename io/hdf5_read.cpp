// read_hdf5. The child lists the file, sizes the shared memory, reads into it what cannot be used
// where it lies in the file, and answers with the list; the parent checks that list against the
// file and the memory and makes Arrays of it. Nothing that the child says is believed, for it may
// have been taken over by the file.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "io/check_system.h"
#include "io/hdf5_catalogue.h"
#include "io/hdf5_image.h"
#include "io/hdf5_weights.h"
#include "io/sandbox.h"
#include "io/shared_bytes.h"
#include "io/unique_fd.h"

namespace tl {
namespace {

constexpr uint64_t max_total_bytes = uint64_t{1} << 37;

/// Memory from mmap that goes away with the last Array in it.
std::shared_ptr<std::byte> map(int fd, uint64_t bytes, int protection) {
  if (bytes == 0) return nullptr;
  void* address = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  check_system(address != MAP_FAILED, "no memory for ", bytes, " bytes of arrays");
  return {static_cast<std::byte*>(address), [bytes](std::byte* p) { ::munmap(p, bytes); }};
}

// ---- in the child ----

/// A number that does not fit its new type ends the reading instead of becoming the nearest that
/// does; `overflowed` is then true.
H5T_conv_ret_t refuse_overflow(H5T_conv_except_t what, hid_t, hid_t, void*, void*,
                               void* overflowed) {
  const bool overflow = what == H5T_CONV_EXCEPT_RANGE_HI || what == H5T_CONV_EXCEPT_RANGE_LOW;
  if (overflow) *static_cast<bool*>(overflowed) = true;
  return overflow ? H5T_CONV_ABORT : H5T_CONV_UNHANDLED;
}

/// Reads a dataset into its place. Integers that i32 does not hold become f64, for which there is
/// room.
void read_dataset(hid_t file, CatalogueEntry& entry, std::byte* into) {
  const Hdf5Handle dataset(H5Dopen2(file, entry.name.c_str(), H5P_DEFAULT), H5Dclose, entry.name);
  const Hdf5Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, entry.name);
  bool overflowed = false;
  H5Pset_type_conv_cb(transfer.get(), refuse_overflow, &overflowed);
  const Hdf5Handle type(H5Dget_type(dataset.get()), H5Tclose, entry.name);
  // HDF5 converts no enumeration to a number; its base type has the same bytes.
  const bool is_enum = H5Tget_class(type.get()) == H5T_ENUM;
  const auto read = [&](hid_t how) {
    const hid_t memory_type = is_enum ? type.get() : hdf5_memory_type(entry.dtype);
    return H5Dread(dataset.get(), memory_type, H5S_ALL, H5S_ALL, how, into);
  };
  herr_t done = read(transfer.get());
  if (done < 0 && overflowed && entry.is_wide) {
    entry.dtype = DType::f64;
    done = read(H5P_DEFAULT);
  }
  hdf5_check(done, entry.name);
}

/// Gives each dataset its offset; equal addresses, equal offsets. Returns the bytes of all.
uint64_t assign_offsets(const Catalogue& catalogue, std::vector<uint64_t>& offsets) {
  std::map<uint64_t, uint64_t> offset_of;
  uint64_t total = 0;
  for (const CatalogueEntry& entry : catalogue.entries) {
    const auto [place, is_new] = offset_of.try_emplace(entry.address, total);
    if (is_new && !entry.place)
      total += (entry.room() + array_alignment - 1) / array_alignment * array_alignment;
    check(total <= max_total_bytes, "over the limit of ", max_total_bytes, " bytes of arrays");
    offsets.push_back(place->second);
  }
  return total;
}

std::string answer(const Catalogue& catalogue, const std::vector<uint64_t>& offsets) {
  nlohmann::json arrays = nlohmann::json::array();
  for (size_t i = 0; i < offsets.size(); ++i) {
    const CatalogueEntry& entry = catalogue.entries[i];
    arrays.push_back({entry.name, static_cast<int>(entry.dtype), entry.shape,
                      entry.place.has_value(), entry.place.value_or(offsets[i])});
  }
  const auto bytes =
      nlohmann::json::to_cbor({{"arrays", arrays}, {"strings", catalogue.attributes}});
  return {bytes.begin(), bytes.end()};
}

std::string read_in_child(std::span<const std::byte> bytes, int memory) {
  silence_hdf5();
  H5PLset_loading_state(0);  // no plugin is loaded because a file asks for it
  const Hdf5Handle file = open_hdf5_image(bytes);
  try {
    Catalogue catalogue = list_hdf5(file.get(), bytes);
    std::vector<uint64_t> offsets;
    const uint64_t total = assign_offsets(catalogue, offsets);
    allow_memory(total);
    check_system(::ftruncate(memory, static_cast<off_t>(total)) == 0, "no memory for ", total,
                 " bytes of arrays");
    const std::shared_ptr<std::byte> base = map(memory, total, PROT_READ | PROT_WRITE);
    std::map<uint64_t, DType> done;
    for (size_t i = 0; i < offsets.size(); ++i) {
      CatalogueEntry& entry = catalogue.entries[i];
      if (entry.place || entry.bytes() == 0) continue;
      if (const auto before = done.find(offsets[i]); before != done.end()) {
        entry.dtype = before->second;
        continue;
      }
      read_dataset(file.get(), entry, base.get() + offsets[i]);
      done.emplace(offsets[i], entry.dtype);
    }
    return answer(catalogue, offsets);
  } catch (const Hdf5Error& error) {
    throw unreadable_hdf5(error.what());
  }
}

// ---- in the parent ----

/// One array of the child's answer, with every number checked.
std::pair<std::string, Array> array_from(const nlohmann::json& json, const SharedBytes& file,
                                         const SharedBytes& memory) {
  Array array;
  array.shape = json.at(2).get<std::vector<int64_t>>();
  const int dtype = json.at(1).get<int>();
  check(dtype >= 0 && dtype <= static_cast<int>(DType::u8), "dtype");
  array.dtype = static_cast<DType>(dtype);
  const SharedBytes& all = json.at(3).get<bool>() ? file : memory;
  const auto offset = json.at(4).get<uint64_t>();
  uint64_t bytes = size_of(array.dtype);
  for (const int64_t dim : array.shape) {
    check(dim >= 0 && (dim == 0 || bytes <= max_total_bytes / static_cast<uint64_t>(dim)), "shape");
    bytes *= static_cast<uint64_t>(dim);
  }
  check(offset <= all.size && bytes <= all.size - offset, "offset");
  const std::byte* data = all.data.get() + offset;
  check(reinterpret_cast<uintptr_t>(data) % size_of(array.dtype) == 0, "alignment");
  if (bytes > 0) array.data = {all.data, data};
  return {json.at(0).get<std::string>(), std::move(array)};
}

WeightsFile weights_from(const std::string& text, const SharedBytes& whole, int memory) {
  struct stat status;
  check_system(::fstat(memory, &status) == 0);
  const auto total = static_cast<uint64_t>(status.st_size);
  const SharedBytes read{map(memory, total, PROT_READ), total};
  WeightsFile file;
  const auto json = nlohmann::json::from_cbor(text);
  for (const auto& entry : json.at("arrays")) {
    file.arrays.push_back(array_from(entry, whole, read));
  }
  for (const auto& [name, value] : json.at("strings").items()) {
    file.attributes[name] = value.get<std::string>();
  }
  return file;
}

}  // namespace

WeightsFile read_hdf5(const SharedBytes& file) {
  check(file.size > 0, "empty file");
  const UniqueFd memory(::memfd_create("tl-weights", MFD_CLOEXEC));
  check_system(static_cast<bool>(memory), "memfd_create");

  ChildLimits limits;
  limits.more_memory_bytes = max_total_bytes;
  limits.cpu_seconds = 5 + file.size / 5'000'000;
  std::string text;
  {
    const std::lock_guard lock(hdf5_mutex());  // no thread of ours is inside HDF5 when we fork
    text = run_in_child(limits, [&] { return read_in_child(file.span(), memory.get()); });
  }
  try {
    return weights_from(text, file, memory.get());
  } catch (const nlohmann::json::exception&) {
    throw Error("damaged HDF5 file (the reading process gave no usable answer)");
  }
}

WeightsFile read_hdf5(const std::filesystem::path& path) {
  try {
    return read_hdf5(read_shared_bytes(path));
  } catch (const std::exception& error) {
    throw Error(concat(path.string(), ": ", error.what()));
  }
}

WeightsFile read_hdf5(std::span<const std::byte> file) {
  const std::shared_ptr<std::byte[]> copy(new std::byte[file.size()]);
  std::ranges::copy(file, copy.get());
  return read_hdf5(SharedBytes{{copy, copy.get()}, file.size()});
}

}  // namespace tl
