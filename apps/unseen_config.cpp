#include "apps/unseen_config.h"

#include <nlohmann/json.hpp>

#include "io/json_text.h"

namespace tl {
namespace {

constexpr const char* kStride = "bottleneck_stride";
constexpr const char* kEpsilon = "epsilon";
constexpr const char* kIn1x1 = "1x1";

}  // namespace

std::string to_json(const UnseenConfig& unseen) {
  const UnseenConfig usual;
  nlohmann::json json = nlohmann::json::object();
  if (unseen.bottleneck_stride != usual.bottleneck_stride) json[kStride] = kIn1x1;
  if (unseen.epsilon != usual.epsilon) json[kEpsilon] = unseen.epsilon;
  return json.empty() ? "" : json.dump();
}

UnseenConfig unseen_from_json(const std::string& text) {
  UnseenConfig unseen;
  if (text.empty()) return unseen;
  const nlohmann::json json = parse_json(text);
  check(json.is_object(), "attribute 'unseen' is no JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key == kStride && value == kIn1x1) {
      unseen.bottleneck_stride = BottleneckStride::in_1x1;
    } else if (key == kEpsilon && value.is_number()) {
      unseen.epsilon = value;
    } else {
      throw Error(concat("attribute 'unseen' says ",
                         nlohmann::json{{key, value}}.dump(
                             -1, ' ', false, nlohmann::json::error_handler_t::replace),
                         ", which this tlrun does not know"));
    }
  }
  return unseen;
}

}  // namespace tl
