#include "io/json_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/io/pictures.h"

namespace tl::test {
namespace {

std::string nested(const std::string& open, const std::string& close, size_t depth) {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST_CASE("json: what is JSON, and what is not") {
  CHECK(parse_json(R"({"a": [1, 2.5, null, "x"]})")["a"][1] == 2.5);
  for (const char* broken : {"", "{", "[1,]", "nope", "{\"a\": \"\xff\"}"})
    CHECK(parse_json(broken).is_discarded());
}

TEST_CASE("json: a megabyte of brackets is refused") {
  const std::string refused = "JSON nested over 256 deep";
  for (const auto& [open, close] :
       {std::pair<std::string, std::string>{"[", "]"}, {"{\"a\":", "}"}}) {
    CHECK(parse_json(nested(open, close, 256)).size() == 1);
    CHECK(error_of([&] { parse_json(nested(open, close, 257)); }) == refused);
    CHECK(error_of([&] { parse_json(nested(open, close, 1'000'000)); }) == refused);
    CHECK(error_of([&] { parse_json(nested(open, "", 1'000'000)); }) == refused);
  }
}

}  // namespace
}  // namespace tl::test
