// What AddressSanitizer must be told: when the stack changes, and which memory nobody may touch.
// Without ASan every function here is empty.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define TL_SIMT_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TL_SIMT_ASAN
#endif
#endif
#ifdef TL_SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace tl::simt {

#ifdef TL_SIMT_ASAN
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

namespace asan {

/// Before a switch: `stack` and `bytes` describe where it leads; *fake_stack keeps what ASan needs
/// to come back.
inline void leave_fiber([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
                        [[maybe_unused]] std::size_t bytes) {
#ifdef TL_SIMT_ASAN
  __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}

/// After a switch: tells which stack it came from.
inline void arrive_on_fiber([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** stack,
                            [[maybe_unused]] std::size_t* bytes) {
#ifdef TL_SIMT_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, stack, bytes);
#endif
}

inline void poison([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef TL_SIMT_ASAN
  __asan_poison_memory_region(data, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef TL_SIMT_ASAN
  __asan_unpoison_memory_region(data, bytes);
#endif
}

}  // namespace asan
}  // namespace tl::simt
