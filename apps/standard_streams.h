// The standard streams, where a shell has closed one, a disk is full, or a name holds a line break.
#pragma once

#include <string>

namespace tl {

/// Call first: no file of ours may get the number of a stream that the caller has closed (>&-), for
/// printing would write into it.
void open_missing_streams();

/// Throws Error("standard output: cause") if something that was printed could not be written.
void check_standard_output();

/// `text` on one line that does nothing to a terminal: control characters become '?'.
std::string printable(std::string text);

}  // namespace tl
