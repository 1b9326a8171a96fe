// Context: a suspended computation, in the machine's terms: a stack, and where to go on.
//
// On x86-64 a switch is a dozen instructions; elsewhere, or with TL_SIMT_UCONTEXT defined, it is
// POSIX swapcontext, which also saves the signal mask and so costs two system calls.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) && !defined(TL_SIMT_UCONTEXT)
#define TL_SIMT_UCONTEXT
#endif
#ifdef TL_SIMT_UCONTEXT
#include <ucontext.h>
#endif

namespace tl::simt {

struct Context {
#ifdef TL_SIMT_UCONTEXT
  ucontext_t machine;
#else
  void* stack_pointer = nullptr;
#endif
};

/// Makes `context` start body() on the given stack (aligned to 16) when it is first switched to.
/// body must not return.
void prepare(Context& context, std::byte* stack, std::size_t bytes, void (*body)());

/// Saves the running computation in `from` and goes on with `to`.
void swap(Context& from, Context& to);

}  // namespace tl::simt
