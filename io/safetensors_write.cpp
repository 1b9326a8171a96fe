// write_safetensors. Arrays of larger elements come first, so that each lies aligned to its element
// and can be read where it is; the header keeps the order of the arrays.
#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "io/atomic_file.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace tl {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are written as they are");

constexpr size_t header_alignment = 8;

std::string_view stored_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return safetensors_name(StoredType::f32);
    case DType::f64:
      return safetensors_name(StoredType::f64);
    case DType::i32:
      return safetensors_name(StoredType::i32);
    case DType::u8:
      return safetensors_name(StoredType::u8);
    case DType::bf16:
      return safetensors_name(StoredType::bf16);
  }
  throw Error("no such dtype");
}

void check_safetensors_names(const WeightsFile& file) {
  std::set<std::string> seen;
  for (const auto& [name, array] : file.arrays) {
    check_array_name(name);
    check(name != "__metadata__", "\"", name, "\" is no name for an array");
    check(seen.insert(name).second, name, ": two arrays of that name");
    check(array.count() == 0 || array.data, name, ": has no data");
  }
}

/// Where each array begins, in the order of the file, and what lies where, in the order of place.
struct Plan {
  std::vector<uint64_t> begins;
  std::vector<std::string_view> parts;
};

Plan plan(const WeightsFile& file) {
  std::vector<size_t> order(file.arrays.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](size_t i) { return size_of(file.arrays[i].second.dtype); });
  Plan plan{std::vector<uint64_t>(order.size()), {}};
  uint64_t end = 0;
  for (const size_t i : order) {
    const Array& array = file.arrays[i].second;
    plan.begins[i] = end;
    end += array.bytes();
    plan.parts.push_back({reinterpret_cast<const char*>(array.data.get()), array.bytes()});
  }
  return plan;
}

/// With its size before it, filled with spaces to the alignment.
std::string header_of(const WeightsFile& file, const Plan& plan) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!file.attributes.empty()) json["__metadata__"] = file.attributes;
  std::string header;
  try {
    for (size_t i = 0; i < file.arrays.size(); ++i) {
      const auto& [name, array] = file.arrays[i];
      json[name] = {{"dtype", stored_name(array.dtype)},
                    {"shape", array.shape},
                    {"data_offsets", {plan.begins[i], plan.begins[i] + array.bytes()}}};
    }
    header = json.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error("a name or attribute is not UTF-8, which safetensors needs");
  }
  header.resize((header.size() + header_alignment - 1) / header_alignment * header_alignment, ' ');
  std::string size(8, '\0');
  for (size_t i = 0; i < size.size(); ++i) size[i] = static_cast<char>(header.size() >> 8 * i);
  return size + header;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const WeightsFile& file) {
  std::string header;
  Plan places;
  try {
    check_safetensors_names(file);
    places = plan(file);
    header = header_of(file, places);
  } catch (const Error& error) {
    throw Error(concat(path.string(), ": ", error.what()));
  }
  places.parts.insert(places.parts.begin(), header);
  write_file_atomically(path, places.parts);
}

}  // namespace tl
