// program_digest: tells one build of the program from another.
#pragma once

#include <string>

namespace tl {

/// The digest (digest.h) of the running program's own file, as text. Throws Error where it cannot
/// be read.
std::string program_digest();

}  // namespace tl
