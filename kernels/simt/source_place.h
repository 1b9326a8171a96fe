// From program counters to lines of the source, for errors.
#pragma once

#include <cstdint>
#include <string>

namespace tl::simt {

/// Where a call returns to, counted from the start of the program.
std::uint32_t program_offset(const void* return_address);

/// "softmax.cu:40" for the call that returns to this offset: the innermost line that is not the
/// layer's own or the standard library's. Asks addr2line (binutils); without it, "program+0x1234".
std::string place_of_call(std::uint32_t offset);

/// The same for the instruction that a signal handler's third argument tells.
std::string place_of_signal(const void* context);

/// Where the program lies: its addresses less those in its file.
std::uintptr_t load_address();

}  // namespace tl::simt
