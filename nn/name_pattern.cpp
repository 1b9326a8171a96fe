#include "nn/name_pattern.h"

#include <algorithm>

#include "kernels/error.h"

namespace tl {
namespace {

/// The whole text. On a mismatch the latest '*' takes one character more: earlier ones need not be
/// tried again, since what stands between two of them was found at its first place.
bool matches_glob(std::string_view pattern, std::string_view text) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0, star = kNone, taken = 0;
  for (std::size_t t = 0; t < text.size();) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != kNone) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool matches_name(std::string_view pattern, std::string_view name) {
  if (matches_glob(pattern, name)) return true;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos;
       dot = name.find('.', dot + 1)) {
    if (matches_glob(pattern, name.substr(0, dot))) return true;
  }
  return false;
}

std::vector<std::string> split_patterns(const std::string& list) {
  std::vector<std::string> patterns;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find_first_of(",|", begin), list.size());
    const std::string part = list.substr(begin, end - begin);
    const std::size_t first = part.find_first_not_of(' ');
    check(first != std::string::npos, "patterns '", list, "': one of them is empty");
    patterns.push_back(part.substr(first, part.find_last_not_of(' ') - first + 1));
    begin = end + 1;
  }
  return patterns;
}

}  // namespace tl
