// Race checker: the functions that the compiler's -fsanitize=thread and -fsanitize=bounds,
// signed-integer-overflow put into the kernels. No sanitizer's library is linked; these take its
// place. Host code of the same files calls them too: there they do what they stand for, unchecked.
#ifdef TL_SIMT_RACE

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/error.h"
#include "kernels/simt/race.h"
#include "kernels/simt/race_check.h"

namespace tl::simt::race {
namespace {

constexpr bool kAligned = true, kAnyAddress = false;

template <std::size_t bytes, Kind kind, bool aligned>
inline void access_of(const void* data, const void* return_address) {
  if (!in_kernel || is_own(data)) return;
  if (aligned && reinterpret_cast<std::uintptr_t>(data) % bytes != 0) {
    leave_kernel();  // the text is made by functions that kernels' files may have compiled
    stop(concat(kind == Kind::read ? "reads " : "writes ", bytes,
                " bytes at the misaligned address ", data, ", not a multiple of ", bytes, ","),
         return_address);
  }
  access(data, bytes, kind, return_address);
}

inline void access_of(const void* data, std::size_t bytes, Kind kind, const void* return_address) {
  if (in_kernel && bytes > 0 && !is_own(data)) access(data, bytes, kind, return_address);
}

// What the compiler tells of arithmetic faults, laid out as in its own runtime.
struct SourceLocation {
  const char* file;
  std::uint32_t line, column;
};
struct TypeDescriptor {
  std::uint16_t kind, info;
  char name[1];
};
struct OutOfBounds {
  SourceLocation place;
  const TypeDescriptor *array, *index;
};
struct Overflow {
  SourceLocation place;
  const TypeDescriptor* type;
};

std::string at(const SourceLocation& place) {
  const char* slash = std::strrchr(place.file, '/');
  return concat(" at ", slash ? slash + 1 : place.file, ":", place.line);
}

/// A value that fits a pointer comes as itself.
std::string number(const TypeDescriptor& type, std::uintptr_t value) {
  const bool is_signed = type.info & 1;
  const int bits = 1 << (type.info >> 1);
  if (bits > 64) return "?";
  if (!is_signed) return concat(value);
  const int unused = 64 - bits;
  return concat(static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << unused) >> unused);
}

/// Arithmetic of the host ends the program, as it would with the compiler's own runtime.
[[noreturn]] void stop_for_arithmetic(bool of_kernel, const std::string& did) {
  if (of_kernel) stop(did);
  std::fprintf(stderr, "the host %s\n", did.c_str());
  std::abort();
}

/// Whether the running code is a kernel's; from now on it is not.
bool stop_kernel() {
  const bool was = in_kernel;
  leave_kernel();
  return was;
}

[[noreturn]] void index_outside(const OutOfBounds& fault, std::uintptr_t index) {
  const bool of_kernel = stop_kernel();
  stop_for_arithmetic(of_kernel,
                      concat("uses index ", number(*fault.index, index), " of an array of type ",
                             fault.array->name, at(fault.place)));
}

[[noreturn]] void overflow(const Overflow& fault, std::uintptr_t a, const char* sign,
                           std::uintptr_t b) {
  const bool of_kernel = stop_kernel();
  stop_for_arithmetic(
      of_kernel, concat("computes ", number(*fault.type, a), " ", sign, " ", number(*fault.type, b),
                        ", which overflows ", fault.type->name, at(fault.place)));
}

}  // namespace
}  // namespace tl::simt::race

using namespace tl::simt::race;

#define TL_RETURN_ADDRESS __builtin_return_address(0)

#define TL_ACCESS(bytes)                                               \
  void __tsan_read##bytes(void* p) {                                   \
    access_of<bytes, Kind::read, kAligned>(p, TL_RETURN_ADDRESS);      \
  }                                                                    \
  void __tsan_write##bytes(void* p) {                                  \
    access_of<bytes, Kind::write, kAligned>(p, TL_RETURN_ADDRESS);     \
  }                                                                    \
  void __tsan_unaligned_read##bytes(void* p) {                         \
    access_of<bytes, Kind::read, kAnyAddress>(p, TL_RETURN_ADDRESS);   \
  }                                                                    \
  void __tsan_unaligned_write##bytes(void* p) {                        \
    access_of<bytes, Kind::write, kAnyAddress>(p, TL_RETURN_ADDRESS);  \
  }                                                                    \
  void __tsan_volatile_read##bytes(void* p) { __tsan_read##bytes(p); } \
  void __tsan_volatile_write##bytes(void* p) { __tsan_write##bytes(p); }

// Atomic operations of the host's code beside the kernels.
#define TL_FETCH(bits, T, name) \
  T __tsan_atomic##bits##_##name(volatile T* p, T v, int) { return __atomic_##name(p, v, 5); }
#define TL_ATOMIC(bits, T)                                                                 \
  T __tsan_atomic##bits##_load(const volatile T* p, int) { return __atomic_load_n(p, 5); } \
  void __tsan_atomic##bits##_store(volatile T* p, T v, int) { __atomic_store_n(p, v, 5); } \
  T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) {                              \
    return __atomic_exchange_n(p, v, 5);                                                   \
  }                                                                                        \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* c, T v, int, int) {  \
    return __atomic_compare_exchange_n(p, c, v, false, 5, 5);                              \
  }                                                                                        \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* c, T v, int, int) {    \
    return __atomic_compare_exchange_n(p, c, v, false, 5, 5);                              \
  }                                                                                        \
  TL_FETCH(bits, T, fetch_add)                                                             \
  TL_FETCH(bits, T, fetch_sub)                                                             \
  TL_FETCH(bits, T, fetch_and)                                                             \
  TL_FETCH(bits, T, fetch_or)                                                              \
  TL_FETCH(bits, T, fetch_xor)

#define TL_ARITHMETIC(name, sign)                                                                \
  void __ubsan_handle_##name##_overflow_abort(void* fault, std::uintptr_t a, std::uintptr_t b) { \
    overflow(*static_cast<const Overflow*>(fault), a, sign, b);                                  \
  }

extern "C" {

TL_ACCESS(1)
TL_ACCESS(2)
TL_ACCESS(4)
TL_ACCESS(8)
TL_ACCESS(16)

void __tsan_read_range(void* p, std::size_t bytes) {
  access_of(p, bytes, Kind::read, TL_RETURN_ADDRESS);
}
void __tsan_write_range(void* p, std::size_t bytes) {
  access_of(p, bytes, Kind::write, TL_RETURN_ADDRESS);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(5); }
void __tsan_atomic_signal_fence(int) {}

TL_ATOMIC(8, std::uint8_t)
TL_ATOMIC(16, std::uint16_t)
TL_ATOMIC(32, std::uint32_t)
TL_ATOMIC(64, std::uint64_t)

void __ubsan_handle_out_of_bounds_abort(void* fault, std::uintptr_t index) {
  index_outside(*static_cast<const OutOfBounds*>(fault), index);
}
TL_ARITHMETIC(add, "+")
TL_ARITHMETIC(sub, "-")
TL_ARITHMETIC(mul, "*")
TL_ARITHMETIC(divrem, "/")
void __ubsan_handle_negate_overflow_abort(void* fault, std::uintptr_t a) {
  overflow(*static_cast<const Overflow*>(fault), 0, "-", a);
}

}  // extern "C"

#endif  // TL_SIMT_RACE
