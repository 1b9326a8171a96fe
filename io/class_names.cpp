#include "io/class_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "io/file_bytes.h"
#include "io/printable.h"
#include "kernels/error.h"

namespace tl {

void check_class_name(const std::filesystem::path& where, const std::string& name) {
  using nlohmann::json;
  check(std::none_of(name.begin(), name.end(), is_control), where.string(), ": the class name ",
        json(name).dump(-1, ' ', true, json::error_handler_t::replace),
        " holds a control character; rename it");
  try {
    (void)json(name).dump();
  } catch (const json::exception&) {
    const std::string shown = json(name).dump(-1, ' ', true, json::error_handler_t::replace);
    throw Error(concat(where.string(), ": the class name ", shown, " is not UTF-8; rename it"));
  }
}

std::vector<std::string> read_class_names(const std::filesystem::path& file, size_t count) {
  const std::vector<uint8_t> bytes = read_file_bytes(file);
  std::vector<std::string> names(1);
  for (const uint8_t byte : bytes) {
    if (byte == '\n') {
      names.emplace_back();
    } else if (byte != '\r') {
      names.back() += static_cast<char>(byte);
    }
  }
  std::erase(names, "");
  check(count == 0 || names.size() == count, file.string(), ": ", names.size(),
        " class names, expected ", count);
  std::set<std::string> seen;
  for (const std::string& name : names) {
    check_class_name(file, name);
    check(seen.insert(name).second, file.string(), ": the class name ", name, " comes twice");
  }
  return names;
}

}  // namespace tl
