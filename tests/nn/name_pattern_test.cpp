// Patterns for names: wildcards, whole layers, lists.
#include "nn/name_pattern.h"

#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

TEST_CASE("name_pattern: wildcards and leading paths") {
  const struct {
    const char* pattern;
    const char* name;
    bool matches;
  } cases[] = {
      {"fc.weight", "fc.weight", true},
      {"fc.weight", "fc.weights", false},
      {"fc.weigh?", "fc.weight", true},
      {"fc.weight?", "fc.weight", false},
      {"fc", "fc.weight", true},  // a layer is everything below it
      {"fc", "fc2.weight", false},
      {"f", "fc.weight", false},
      {"layer1", "layer1.0.bn1.weight", true},
      {"layer1.0", "layer1.0.bn1.weight", true},
      {"layer1.0", "layer1.01.bn1.weight", false},
      {"layer?", "layer4.1.conv1.weight", true},
      {"layer?", "layer.weight", false},
      {"layer4.*", "layer4.1.conv1.weight", true},
      {"layer4.*", "layer40.1.conv1.weight", false},
      {"*.bn?", "layer4.1.bn2.bias", true},
      {"*.bn?", "bn1.bias", false},  // there is no dot before it
      {"*bn?*", "bn1.bias", true},
      {"*conv*weight", "layer4.1.conv1.weight", true},
      {"*conv*weight", "layer4.1.conv1.bias", false},
      {"*1*1.weight", "layer1.0.conv1.weight", true},  // the first '*' must not take the last 1
      {"*a*ab", "aab", true},
      {"*a*ab", "ab", false},
      {"**", "x", true},
      {"*", "", true},
      {"?", "", false},
      {"", "", true},
      {"", "x", false},
      {"FC", "fc.weight", false},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.pattern), " on ", std::string(c.name));
    CHECK(matches_name(c.pattern, c.name) == c.matches);
  }
}

TEST_CASE("name_pattern: lists") {
  using List = std::vector<std::string>;
  CHECK(split_patterns("fc") == List{"fc"});
  CHECK(split_patterns("layer4.*,fc.*") == List{"layer4.*", "fc.*"});
  CHECK(split_patterns(" layer4 | fc , bn1") == List{"layer4", "fc", "bn1"});
  CHECK_ERROR(split_patterns(""), "patterns '': one of them is empty");
  CHECK_ERROR(split_patterns("a,"), "patterns 'a,': one of them is empty");
  CHECK_ERROR(split_patterns("a, ,b"), "patterns 'a, ,b': one of them is empty");
}

}  // namespace
}  // namespace tl::test
