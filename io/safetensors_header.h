// The header of a safetensors file: what it says, checked as far as it can be without the rest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/stored_array.h"

namespace tl {

struct SafetensorsEntry {
  std::string name;
  StoredType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;  // bytes behind the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the header's order
  std::map<std::string, std::string> metadata;
};

/// Throws Error (cause alone): no JSON, anything but what the format has, a name or key twice, an
/// element type that is not read, or bytes that are not those of the shape.
SafetensorsHeader parse_safetensors_header(std::string_view json);

/// The format's name of a type.
std::string_view safetensors_name(StoredType type);

}  // namespace tl
