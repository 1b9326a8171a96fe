#include "io/json_text.h"

#include <nlohmann/json.hpp>

#include "kernels/error.h"

namespace tl {
namespace {

constexpr int max_json_depth = 256;

}  // namespace

nlohmann::json parse_json(std::string_view text) {
  const auto is_shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    check(depth <= max_json_depth, "JSON nested over ", max_json_depth, " deep");
    return true;
  };
  return nlohmann::json::parse(text, is_shallow, /*allow_exceptions=*/false);
}

}  // namespace tl
