#include "apps/weights_format.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace tl {
namespace {

bool any_name(const WeightsFile& file, std::string_view part) {
  return std::any_of(file.arrays.begin(), file.arrays.end(), [&](const auto& entry) {
    return entry.first.find(part) != std::string::npos;
  });
}

/// By the same bytes as read_weights, which has read the file.
std::string container_of(const std::filesystem::path& path, const WeightsFile& file) {
  std::array<char, 9> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  const std::string_view text(start.data(), start.size());
  if (text.starts_with("PK\3\4")) return any_name(file, "/vars/") ? ".keras" : "PyTorch (zip)";
  if (text.starts_with('\x80')) return "PyTorch (before 1.6)";
  return text[8] == '{' && !text.starts_with('\x89') ? "safetensors" : "HDF5";
}

std::string dialect_of(const WeightsFile& file) {
  const auto format = file.attributes.find("format");
  if (format != file.attributes.end() && !format->second.empty()) return format->second;
  const auto keras = file.attributes.find("keras_version");
  if (keras != file.attributes.end()) return "Keras " + keras->second;
  return any_name(file, "/vars/") ? "Keras 3" : "";
}

}  // namespace

std::string format_of(const std::filesystem::path& path, const WeightsFile& file) {
  const std::string dialect = dialect_of(file);
  return container_of(path, file) + (dialect.empty() ? "" : ", " + dialect);
}

}  // namespace tl
