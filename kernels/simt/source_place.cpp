#include "kernels/simt/source_place.h"

#include <link.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdio>
#include <iomanip>
#include <sstream>
#include <string_view>

#include "kernels/error.h"

namespace tl::simt {
namespace {

bool is_kernel_source(std::string_view line) {
  return line.find("/kernels/simt/") == line.npos && !line.starts_with("/usr/") &&
         !line.starts_with("??");
}

/// The lines that addr2line prints for one address, the innermost first.
std::string place_of(std::uint32_t offset) {
  std::ostringstream command;
  command << "addr2line -i -e /proc/" << getpid() << "/exe 0x" << std::hex << offset
          << " 2>/dev/null";
  std::string text, found;
  if (FILE* pipe = popen(command.str().c_str(), "r")) {
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    pclose(pipe);
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find(" (discriminator"));
    const bool better = is_kernel_source(line);
    if (found.empty() || better) found = line;
    if (better) break;
  }
  if (found.empty() || found.starts_with("??")) {
    std::ostringstream fallback;
    fallback << "program+0x" << std::hex << offset;
    return fallback.str();
  }
  return found.substr(found.rfind('/') + 1);
}

}  // namespace

std::uintptr_t load_address() {
  static const std::uintptr_t address = [] {
    std::uintptr_t found = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* out) {
          *static_cast<std::uintptr_t*>(out) = info->dlpi_addr;
          return 1;  // the first is the program itself
        },
        &found);
    return found;
  }();
  return address;
}

std::uint32_t program_offset(const void* return_address) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(return_address) -
                                    load_address());
}

// The call itself stands before the place that it returns to.
std::string place_of_call(std::uint32_t offset) { return place_of(offset - 1); }

std::string place_of_signal([[maybe_unused]] const void* context) {
#ifdef __x86_64__
  const auto* machine = static_cast<const ucontext_t*>(context);
  const auto counter = static_cast<std::uintptr_t>(machine->uc_mcontext.gregs[REG_RIP]);
  return place_of(program_offset(reinterpret_cast<const void*>(counter)));
#else
  return "an unknown place";
#endif
}

}  // namespace tl::simt
