#include "kernels/simt/context.h"

namespace tl::simt {

#ifdef TL_SIMT_UCONTEXT

void prepare(Context& context, std::byte* stack, std::size_t bytes, void (*body)()) {
  getcontext(&context.machine);
  context.machine.uc_stack.ss_sp = stack;
  context.machine.uc_stack.ss_size = bytes;
  context.machine.uc_link = nullptr;
  makecontext(&context.machine, body, 0);
}

void swap(Context& from, Context& to) { swapcontext(&from.machine, &to.machine); }

#else

// The caller has saved every register that a call may change, so only those that a call must keep
// are left: they go onto the old stack and come back from the new one. `ret` then continues where
// the new context called this function, or enters body() for the first time. The floating point
// control words are not switched: kernels do not change them.
asm(R"(
.pushsection .text
.type tl_simt_swap, @function
tl_simt_swap:
  .cfi_startproc
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .cfi_endproc
.size tl_simt_swap, .-tl_simt_swap
.popsection
)");
extern "C" void tl_simt_swap(void** save_stack_pointer, void* load_stack_pointer);

void prepare(Context& context, std::byte* stack, std::size_t bytes, void (*body)()) {
  void** top = reinterpret_cast<void**>(stack + bytes);
  *--top = nullptr;  // body's return address: debuggers and unwinders end here
  *--top = reinterpret_cast<void*>(body);
  for (int callee_saved = 0; callee_saved < 6; ++callee_saved) *--top = nullptr;
  context.stack_pointer = top;
}

void swap(Context& from, Context& to) { tl_simt_swap(&from.stack_pointer, to.stack_pointer); }

#endif

}  // namespace tl::simt
