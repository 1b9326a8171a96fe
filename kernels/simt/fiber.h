// Fiber: a stack of its own on which a function can be left in the middle and continued later. A
// CUDA thread that waits at a barrier is one suspended fiber.
#pragma once

#include <cstddef>

#include "kernels/simt/context.h"

namespace tl::simt {

class Fiber {
 public:
  /// Stands for the stack that the caller runs on: the place to switch back to.
  Fiber() = default;

  /// A new stack; the first switch to it calls body(), which must not return. Throws when the
  /// system has no memory for it.
  explicit Fiber(void (*body)());

  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Forgets what was running on this stack (nothing on it is destroyed); the next switch calls
  /// body() again.
  void restart();

  /// Leaves `from`, which must be the running fiber, and goes on with `to`. Returns when somebody
  /// switches to `from`.
  static void switch_to(Fiber& from, Fiber& to);

 private:
  static void enter();

  Context context_;
  void (*body_)() = nullptr;
  std::byte* mapping_ = nullptr;  // guard page and stack
  const void* stack_ = nullptr;   // lowest address; of the caller's stack known to ASan only
  std::size_t stack_bytes_ = 0;
  void* asan_fake_stack_ = nullptr;
};

}  // namespace tl::simt
