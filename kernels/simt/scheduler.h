// Scheduler: runs the threads of one block as fibers that take turns on one OS thread.
//
// A thread runs until it must wait: at a barrier for the block, or at a warp operation for the
// other lanes. Then the next thread in the queue goes on. A thread that never waits needs no fiber
// of its own: the next one starts where it ended, so a kernel without barriers never switches.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/error.h"
#include "kernels/simt/async_copies.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/order.h"
#include "kernels/simt/race.h"
#include "kernels/simt/vector_types.h"

namespace tl::simt {

/// One kernel launch, with the types of its parameters erased.
struct Launch {
  std::string_view kernel;  ///< its name, for errors
  dim3 grid, block;
  std::size_t shared_bytes;  ///< of dynamic shared memory
  void (*call)(const void* arguments);
  std::shared_ptr<const void> arguments;  ///< also of all further launches by a graph
};

/// What the lanes of a warp do when all have come: operands[i] is what lane i brought (on its
/// stack), for each i in `lanes`.
using WarpOperation = void (*)(void* const* operands, std::uint32_t lanes);

class Scheduler {
 public:
  static constexpr int kMaxThreads = 1024;
  static constexpr int kWarpLanes = 32;

  /// Prepares for the blocks of `launch`, which must outlive them. `schedule` says who is first.
  void start(const Launch& launch, Schedule& schedule);

  /// Runs block `blockIdx` to its end. Throws the first error of its threads; the others are
  /// abandoned where they stand.
  void run_block();

  // What kernels call, through barriers.h and warp.h.

  /// Waits for all threads of the block; returns how many of them had a true predicate.
  int meet_block(bool predicate, std::source_location place);

  /// Waits for the lanes in `mask`, of which the last one runs `operation` for all of them.
  void meet_warp(std::uint32_t mask, void* operand, WarpOperation operation, const char* name,
                 std::source_location place);

  /// The calling thread's place in its warp.
  TL_SIMT_UNCHECKED int lane() const { return current_->id % kWarpLanes; }

  /// The calling thread's own.
  TL_SIMT_UNCHECKED AsyncCopies& async_copies() { return current_->async_copies; }

  /// Throws an Error that names the kernel, the block and the calling thread, and goes on with
  /// `what` (see concat).
  template <class... What>
  [[noreturn]] void fail(const What&... what) const {
    race::leave_kernel();
    throw_error(concat(what...));
  }

  /// The same for callers through which no exception can pass: leaves the block at once.
  [[noreturn]] void abandon(const std::string& what);

 private:
  enum class State : std::uint8_t { unstarted, running, ready, at_barrier, at_warp, returned };

  struct Thread {
    uint3 index;
    int id;
    State state;
    Fiber* fiber;
    // Where and for what it waits.
    const char* waits_at;
    std::source_location place;
    std::uint32_t mask;
    void* operand;
    WarpOperation operation;
    int votes;  // what meet_block returns
    AsyncCopies async_copies;
  };

  // The queue of threads that can go on.
  void push_ready(Thread& thread, State state);
  Thread* pop_ready();
  void make_current(Thread& thread);

  static void fiber_body();  // runs threads from start to end, forever
  void thread_returned();
  void continue_after_return();
  void suspend();

  void release_barrier();
  void try_warp_operation(Thread& thread);

  Fiber* idle_fiber();
  void abandon_fibers();

  Error error(const std::string& what) const;
  [[noreturn]] void throw_error(const std::string& what) const { throw error(what); }
  std::string describe(const Thread& thread) const;
  [[noreturn]] void fail_deadlock() const;

  const Launch* launch_ = nullptr;
  Schedule* schedule_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<std::uint16_t> order_, lane_order_;
  std::vector<std::uint32_t> alive_;  // per warp: the lanes that have not returned
  std::vector<std::uint16_t> ready_;  // ring
  int ready_head_ = 0, ready_count_ = 0;
  int returned_ = 0, at_barrier_ = 0, votes_ = 0;
  Thread* current_ = nullptr;
  Thread* first_at_barrier_ = nullptr;
  std::exception_ptr failure_;

  Fiber home_;  // the stack of whoever called run_block
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
};

/// The scheduler of the kernel that is running; throws, naming `caller`, when none is.
Scheduler& running_scheduler(const char* caller);

namespace detail {
/// Set while a kernel runs.
extern Scheduler* running;
}  // namespace detail

}  // namespace tl::simt
