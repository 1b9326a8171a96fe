// The assembler copies the file TL_DEMO_WEIGHTS into the program's read-only data.
#include "apps/demo/embedded_weights.h"

__asm__(R"(
  .section .rodata
  .balign 16
  .globl tl_demo_weights_begin
  .globl tl_demo_weights_end
tl_demo_weights_begin:
  .incbin ")" TL_DEMO_WEIGHTS R"("
tl_demo_weights_end:
  .byte 0
  .text
)");

extern "C" {
extern const std::byte tl_demo_weights_begin[];
extern const std::byte tl_demo_weights_end[];
}

namespace tl {

std::span<const std::byte> embedded_weights() {
  return {tl_demo_weights_begin, tl_demo_weights_end};
}

}  // namespace tl
