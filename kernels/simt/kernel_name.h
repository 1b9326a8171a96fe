// kernel_name: how a kernel is called in errors.
#pragma once

#include <string_view>

namespace tl {

/// "conv2d_forward_naive" or "fill<float>": the name in the source, without its namespaces. The
/// compiler writes it into the name of this function, which is where it is read from.
template <auto kernel>
constexpr std::string_view kernel_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  const std::string_view mark = "kernel = ";
  text.remove_prefix(text.find(mark) + mark.size());
  std::size_t begin = 0, end = 0;
  for (int depth = 0; end < text.size(); ++end) {
    const char c = text[end];
    if (depth == 0 && (c == ';' || c == ']')) break;
    if (depth == 0 && c == ':') begin = end + 1;
    if (c == '<') ++depth;
    if (c == '>') --depth;
  }
  return text.substr(begin, end - begin);
}

}  // namespace tl
