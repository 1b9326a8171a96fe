#include "apps/program_digest.h"

#include "apps/digest.h"
#include "kernels/error.h"

namespace tl {

std::string program_digest() {
  constexpr const char* kProgram = "/proc/self/exe";
  try {
    return to_text(digest_of(open_regular_file(kProgram)));
  } catch (const Error& error) {
    throw Error(concat(kProgram, ": ", error.what()));
  }
}

}  // namespace tl
