// The race checker, as the rest of the layer sees it: what it must be told while kernels run.
//
// It is part of builds with TL_SANITIZE=race. There the kernels are compiled with the compiler's
// -fsanitize=thread, which puts a call before every access to memory; these calls are ours
// (race_hooks.cpp) and no library's. Each access is held against what other threads did before
// (race_check.cpp, on the records of race_shadow.h). In other builds all functions here are empty.
//
// Reading order: race_shadow.h (what is remembered), race_check.cpp (when two accesses conflict),
// race_memory.cpp (whose memory it is), race_hooks.cpp, source_place.h (program counter to line).
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

namespace tl::simt {

struct Launch;

#ifdef TL_SIMT_RACE
inline constexpr bool kRaceChecker = true;
#else
inline constexpr bool kRaceChecker = false;
#endif

// On a function of the layer that a kernel's file compiles, and whose accesses are not the
// kernel's.
#if defined(__clang__) || defined(__GNUC__)
#define TL_SIMT_UNCHECKED __attribute__((no_sanitize("thread")))
#else
#define TL_SIMT_UNCHECKED
#endif

// On a function of the layer that touches memory for its caller: errors then name the caller's
// line.
#define TL_SIMT_INLINE inline __attribute__((always_inline))

namespace race {

#ifdef TL_SIMT_RACE

// ---- memory -------------------------------------------------------------------------------------

/// A block of device memory at an address that was not in use lately; nullptr when there is none.
void* allocate(std::size_t bytes);
void release(void* data);

/// Whether the host may touch these bytes, or all blocks.
void open(void* data, std::size_t bytes, bool open);
void open_all(bool open);

/// A copy or memset has written these bytes of device memory; `from`, if it is device memory too,
/// says which of them had been written there.
void copied(const void* data, std::size_t bytes, const void* from = nullptr);

/// The place of the running launch's dynamic shared memory.
void* dynamic_shared_memory(std::size_t bytes);

/// The stack of a fiber: known from now on, or the one in use from now on.
void know_stack(const void* stack, std::size_t bytes);
void forget_stack(const void* stack);
void use_stack(const void* stack, std::size_t bytes);

// ---- the course of a launch ---------------------------------------------------------------------

void begin_launch(const Launch& launch);
void end_launch();
void begin_block();
void run_thread(int id);

/// From now on this OS thread runs the code of a kernel, or that of the layer.
void enter_kernel();
void leave_kernel();

/// Off, for tests of kernels that do on purpose what is wrong. On at the start.
void use_checks(bool on);

/// All threads of the block have met.
void barrier();

/// These lanes of the running thread's warp have met in a __syncwarp.
void sync_lanes(std::uint32_t lanes);

/// For functions of the layer that are compiled with the kernels: while it lives, accesses are not
/// the kernel's.
struct Pause {
  Pause() { leave_kernel(); }
  ~Pause() { enter_kernel(); }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
};

/// Where accesses are not the kernel's: while it lives, they are those of the kernel's call at
/// `place`, which must outlive it.
struct Operation {
  explicit Operation(const std::source_location& place);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
};

// ---- accesses that the compiler does not see as what they are -----------------------------------

/// An atomic operation, called from where `return_address` leads; `reads` the old value or not.
void atomic(const void* data, std::size_t bytes, bool reads, const void* return_address);

/// What lies at `data` is not to be read: a copy that was asked for will arrive there.
void not_written(const void* data, std::size_t bytes);

#else

inline void* allocate(std::size_t) { return nullptr; }
inline void release(void*) {}
inline void open(void*, std::size_t, bool) {}
inline void open_all(bool) {}
inline void copied(const void*, std::size_t, const void* = nullptr) {}
inline void* dynamic_shared_memory(std::size_t) { return nullptr; }
inline void know_stack(const void*, std::size_t) {}
inline void forget_stack(const void*) {}
inline void use_stack(const void*, std::size_t) {}
inline void begin_launch(const Launch&) {}
inline void end_launch() {}
inline void begin_block() {}
inline void run_thread(int) {}
inline void enter_kernel() {}
inline void leave_kernel() {}
inline void use_checks(bool) {}
inline void barrier() {}
inline void sync_lanes(std::uint32_t) {}
struct Pause {
  Pause() {}  // NOLINT: not trivial, so that nobody calls it unused
};
struct Operation {
  explicit Operation(const std::source_location&) {}
};
inline void atomic(const void*, std::size_t, bool, const void*) {}
inline void not_written(const void*, std::size_t) {}

#endif

}  // namespace race
}  // namespace tl::simt
