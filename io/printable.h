// Text from files, made fit for a terminal.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tl {

/// Names are printed; one with such a character could rewrite what a terminal shows.
inline bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

/// `text`, which may quote a file, as one line of at most 1,000 bytes.
inline std::string one_line(std::string text) {
  text.resize(std::min<size_t>(text.size(), 1000));
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

/// The same of a name that the file states, cut so that what follows it is still seen.
inline std::string shown(std::string_view name) {
  const bool is_long = name.size() > 100;
  return one_line(std::string(name.substr(0, 100))) + (is_long ? "..." : "");
}

}  // namespace tl
