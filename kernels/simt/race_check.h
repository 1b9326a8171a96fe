// What the compiler's calls in race_hooks.cpp ask the race checker to do.
#pragma once

#include <cstddef>
#include <string>

namespace tl::simt::race {

enum class Kind { read, write };

/// Whether this OS thread is in a kernel's code: everything else is not checked.
extern thread_local bool in_kernel __attribute__((tls_model("initial-exec")));

/// The stack of the running thread. Most accesses go there, and are let through at once.
extern const std::byte *own_stack, *own_stack_end;

inline bool is_own(const void* data) { return data >= own_stack && data < own_stack_end; }

/// An access of the running thread. Ends the launch if it is a fault.
void access(const void* data, std::size_t bytes, Kind kind, const void* return_address);

/// Ends the launch with an error: the running thread `did` something, at the place where
/// `return_address` leads.
[[noreturn]] void stop(const std::string& did, const void* return_address);

/// The same for a place that is in the text already.
[[noreturn]] void stop(const std::string& did);

}  // namespace tl::simt::race
