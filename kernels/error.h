// Error: the one exception type of the project, and check(), which throws it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace tl {

/// What went wrong, in one line a user can act on: the op or file, what was expected, what was
/// found.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments written one after the other, as a stream prints them.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws Error(concat(parts...)) unless `condition` holds.
template <class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) throw Error(concat(parts...));
}

}  // namespace tl
