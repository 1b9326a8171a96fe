// The variables with static storage of the running program, as its symbol table lists them.
#pragma once

#include <cstddef>
#include <vector>

namespace tl::simt {

/// One variable: bytes [begin, end).
struct StaticObject {
  std::byte *begin, *end;
};

/// All of them that have an extent, in the order of their addresses. Empty where the program has
/// been stripped.
std::vector<StaticObject> static_objects();

}  // namespace tl::simt
