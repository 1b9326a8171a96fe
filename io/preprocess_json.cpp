// Preprocessing as JSON text, so that it can travel inside a weights file.
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "io/json_text.h"
#include "io/preprocess.h"
#include "kernels/error.h"

namespace tl {
namespace {

constexpr int largest_side = 16384;

/// The double with the shortest decimals that still reads back as `value`: 0.485, not 0.4850000143.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double decimal = 0;
  std::from_chars(text, end, decimal);
  return decimal;
}

int side(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  check(found != json.end() && found->is_number_integer(), "preprocessing: \"", key,
        "\" must be an integer");
  const auto value = found->get<int64_t>();
  check(value >= 1 && value <= largest_side, "preprocessing: \"", key, "\" is ", value,
        ", expected 1 to ", largest_side);
  return static_cast<int>(value);
}

std::array<float, 3> channels(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  check(found != json.end() && found->is_array() && found->size() == 3, "preprocessing: \"", key,
        "\" must be an array of 3 numbers");
  std::array<float, 3> values{};
  for (size_t i = 0; i < 3; ++i) {
    check((*found)[i].is_number(), "preprocessing: \"", key, "\" must be an array of 3 numbers");
    values[i] = (*found)[i].get<float>();
    check(std::isfinite(values[i]), "preprocessing: \"", key, "\" must be finite");
  }
  return values;
}

}  // namespace

std::string to_json(const Preprocessing& preprocessing) {
  nlohmann::ordered_json json;
  json["resize"] = preprocessing.resize;
  json["crop"] = preprocessing.crop;
  for (const float value : preprocessing.mean) json["mean"].push_back(shortest(value));
  for (const float value : preprocessing.std) json["std"].push_back(shortest(value));
  return json.dump();
}

Preprocessing preprocessing_from_json(std::string_view text) {
  const nlohmann::json json = parse_json(text);
  check(json.is_object(), "preprocessing: expected a JSON object with resize, crop, mean and std");
  const Preprocessing result{side(json, "resize"), side(json, "crop"), channels(json, "mean"),
                             channels(json, "std")};
  for (const float value : result.std) {
    check(value > 0, "preprocessing: \"std\" must be positive, got ", value);
  }
  return result;
}

}  // namespace tl
