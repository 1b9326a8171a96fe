#include "kernels/simt/fiber.h"

#include <sys/mman.h>

#include "kernels/error.h"
#include "kernels/simt/asan.h"
#include "kernels/simt/race.h"

namespace tl::simt {
namespace {

// Kernels keep little on the stack. Pages are taken from the system only when they are touched;
// an overflow hits the guard page and ends the program.
constexpr std::size_t kStackBytes = kAddressSanitizer ? 256 << 10 : 64 << 10;
constexpr std::size_t kGuardBytes = 4096;

// Between leaving one fiber and arriving on the other.
Fiber* switching_from = nullptr;
Fiber* switching_to = nullptr;

}  // namespace

Fiber::Fiber(void (*body)()) : body_(body), stack_bytes_(kStackBytes) {
  void* mapping = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(mapping != MAP_FAILED, "simt: no memory for the stack of another thread");
  mapping_ = static_cast<std::byte*>(mapping);
  mprotect(mapping_, kGuardBytes, PROT_NONE);
  stack_ = mapping_ + kGuardBytes;
  race::know_stack(stack_, stack_bytes_);
  restart();
}

Fiber::~Fiber() {
  if (!mapping_) return;
  race::forget_stack(stack_);
  munmap(mapping_, kGuardBytes + kStackBytes);
}

void Fiber::restart() {
  asan::unpoison(stack_, stack_bytes_);
  asan_fake_stack_ = nullptr;
  prepare(context_, mapping_ + kGuardBytes, stack_bytes_, enter);
}

void Fiber::switch_to(Fiber& from, Fiber& to) {
  switching_from = &from;
  switching_to = &to;
  asan::leave_fiber(&from.asan_fake_stack_, to.stack_, to.stack_bytes_);
  race::use_stack(to.stack_, to.stack_bytes_);
  swap(from.context_, to.context_);
  // Somebody has switched back to `from`, perhaps from a third fiber.
  asan::arrive_on_fiber(from.asan_fake_stack_, &switching_from->stack_,
                        &switching_from->stack_bytes_);
}

void Fiber::enter() {
  asan::arrive_on_fiber(nullptr, &switching_from->stack_, &switching_from->stack_bytes_);
  switching_to->body_();
  __builtin_unreachable();
}

}  // namespace tl::simt
