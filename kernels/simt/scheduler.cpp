#include "kernels/simt/scheduler.h"

#include <algorithm>
#include <cstring>

#include "kernels/error.h"
#include "kernels/simt/builtins.h"

namespace tl::simt {

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace detail {
Scheduler* running = nullptr;
}

Scheduler& running_scheduler(const char* caller) {
  check(detail::running, caller, ": called outside a kernel");
  return *detail::running;
}

namespace {

std::string to_string(const uint3& v) { return concat("(", v.x, ",", v.y, ",", v.z, ")"); }

/// "conv2d_naive.cu:40"
std::string to_string(const std::source_location& place) {
  const char* slash = std::strrchr(place.file_name(), '/');
  return concat(slash ? slash + 1 : place.file_name(), ":", place.line());
}

bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         std::strcmp(a.file_name(), b.file_name()) == 0;
}

}  // namespace

// ---- running a block ----------------------------------------------------------------------------

void Scheduler::start(const Launch& launch, Schedule& schedule) {
  launch_ = &launch;
  schedule_ = &schedule;
  const dim3 b = launch.block;
  const int count = static_cast<int>(b.x * b.y * b.z);
  threads_.assign(static_cast<std::size_t>(count), {});
  ready_.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const unsigned id = static_cast<unsigned>(i);
    threads_[id].id = i;
    threads_[id].index = {id % b.x, id / b.x % b.y, id / (b.x * b.y)};
  }
  schedule.list(order_, count);
  schedule.list(lane_order_, kWarpLanes);
}

void Scheduler::run_block() {
  returned_ = at_barrier_ = votes_ = ready_head_ = ready_count_ = 0;
  failure_ = nullptr;
  alive_.assign((threads_.size() + kWarpLanes - 1) / kWarpLanes, 0);
  schedule_->shuffle(order_);
  schedule_->shuffle(lane_order_);
  for (int id : order_) {
    threads_[id].async_copies.clear();
    alive_[id / kWarpLanes] |= 1u << id % kWarpLanes;
    push_ready(threads_[id], State::unstarted);
  }
  race::begin_block();
  Thread& first = *pop_ready();
  first.fiber = idle_fiber();
  make_current(first);
  Fiber::switch_to(home_, *first.fiber);

  current_ = nullptr;
  if (failure_) {
    abandon_fibers();
    std::rethrow_exception(failure_);
  }
}

void Scheduler::push_ready(Thread& thread, State state) {
  thread.state = state;
  const std::size_t tail = static_cast<std::size_t>(ready_head_ + ready_count_) % ready_.size();
  ready_[tail] = static_cast<std::uint16_t>(thread.id);
  ++ready_count_;
}

Scheduler::Thread* Scheduler::pop_ready() {
  if (ready_count_ == 0) return nullptr;
  Thread* thread = &threads_[ready_[static_cast<std::size_t>(ready_head_)]];
  ready_head_ = static_cast<int>(static_cast<std::size_t>(ready_head_ + 1) % ready_.size());
  --ready_count_;
  return thread;
}

void Scheduler::make_current(Thread& thread) {
  current_ = &thread;
  threadIdx = thread.index;
  thread.state = State::running;
  race::run_thread(thread.id);
}

// ---- fibers -------------------------------------------------------------------------------------

void Scheduler::fiber_body() {
  Scheduler& self = *detail::running;
  for (;;) {
    try {
      race::enter_kernel();
      self.launch_->call(self.launch_->arguments.get());
      race::leave_kernel();
      self.thread_returned();
    } catch (...) {
      self.failure_ = std::current_exception();
    }
    self.continue_after_return();
  }
}

void Scheduler::thread_returned() {
  Thread& me = *current_;
  me.state = State::returned;
  ++returned_;
  if (at_barrier_ > 0) {
    fail("returns before the last barrier: ", describe(*first_at_barrier_));
  }
  const int warp = me.id / kWarpLanes;
  alive_[warp] &= ~(1u << me.id % kWarpLanes);
  // Lanes that waited for this one wait no longer.
  const int end = std::min((warp + 1) * kWarpLanes, static_cast<int>(threads_.size()));
  for (int i = warp * kWarpLanes; i < end; ++i) {
    if (threads_[i].state == State::at_warp) try_warp_operation(threads_[i]);
  }
  if (ready_count_ == 0 && returned_ < static_cast<int>(threads_.size())) fail_deadlock();
}

void Scheduler::continue_after_return() {
  Fiber* mine = current_->fiber;
  Thread* next = failure_ ? nullptr : pop_ready();
  if (next && next->state == State::unstarted) {  // it starts here, on this fiber
    next->fiber = mine;
    make_current(*next);
    return;
  }
  // This fiber pauses; when it is next taken, it has been given a thread to start.
  idle_.push_back(mine);
  if (next) make_current(*next);
  Fiber::switch_to(*mine, next ? *next->fiber : home_);
}

void Scheduler::suspend() {
  Thread& me = *current_;
  Thread* next = pop_ready();
  if (!next) fail_deadlock();
  if (next->state == State::unstarted) next->fiber = idle_fiber();
  make_current(*next);
  if (next != &me) Fiber::switch_to(*me.fiber, *next->fiber);
}

Fiber* Scheduler::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(fiber_body));
    return fibers_.back().get();
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

void Scheduler::abandon_fibers() {
  idle_.clear();
  for (const std::unique_ptr<Fiber>& fiber : fibers_) {
    fiber->restart();
    idle_.push_back(fiber.get());
  }
}

// ---- waiting for each other ---------------------------------------------------------------------

int Scheduler::meet_block(bool predicate, std::source_location place) {
  race::leave_kernel();
  Thread& me = *current_;
  me.waits_at = "__syncthreads";
  me.place = place;
  me.mask = ~0u;
  if (returned_ > 0) {
    fail("waits at __syncthreads, ", to_string(place), ", for ever: ", returned_,
         returned_ == 1 ? " thread has" : " threads have", " returned before it");
  }
  if (at_barrier_ == 0) {
    first_at_barrier_ = &me;
  } else if (!same_place(first_at_barrier_->place, place)) {
    fail("divergent barrier: waits at __syncthreads, ", to_string(place), ", but ",
         describe(*first_at_barrier_));
  }
  me.state = State::at_barrier;
  ++at_barrier_;
  votes_ += predicate;
  if (at_barrier_ == static_cast<int>(threads_.size())) release_barrier();
  suspend();
  race::enter_kernel();
  return me.votes;
}

// The last thread to come queues up like all the others: going on at once, it would run first after
// the barrier in every order.
void Scheduler::release_barrier() {
  schedule_->shuffle(order_);
  schedule_->shuffle(lane_order_);
  for (int id : order_) {
    threads_[id].votes = votes_;
    push_ready(threads_[id], State::ready);
  }
  at_barrier_ = votes_ = 0;
  race::barrier();
}

void Scheduler::meet_warp(std::uint32_t mask, void* operand, WarpOperation operation,
                          const char* name, std::source_location place) {
  race::leave_kernel();
  Thread& me = *current_;
  if (!(mask >> lane() & 1)) {
    fail(name, ", ", to_string(place), ": its mask 0x", std::hex, mask,
         " does not contain the calling lane ", std::dec, lane());
  }
  me.waits_at = name;
  me.place = place;
  me.mask = mask;
  me.operand = operand;
  me.operation = operation;
  me.state = State::at_warp;
  try_warp_operation(me);
  suspend();
  race::enter_kernel();
}

void Scheduler::try_warp_operation(Thread& thread) {
  Thread* lanes = &threads_[thread.id / kWarpLanes * kWarpLanes];
  const std::uint32_t expected = thread.mask & alive_[thread.id / kWarpLanes];
  void* operands[kWarpLanes] = {};
  for (int i = 0; i < kWarpLanes; ++i) {
    if (!(expected >> i & 1)) continue;
    const Thread& other = lanes[i];
    if (other.state != State::at_warp || other.mask != thread.mask ||
        other.operation != thread.operation) {
      return;  // not everybody has come
    }
    operands[i] = other.operand;
  }
  {
    const race::Operation checked(thread.place);
    thread.operation(operands, expected);
  }
  for (int i : lane_order_) {
    if (expected >> i & 1) push_ready(lanes[i], State::ready);
  }
}

// ---- errors -------------------------------------------------------------------------------------

Error Scheduler::error(const std::string& what) const {
  return Error(concat(launch_->kernel, ": block ", to_string(blockIdx), " thread ",
                      to_string(current_->index), " ", what));
}

void Scheduler::abandon(const std::string& what) {
  failure_ = std::make_exception_ptr(error(what));
  Fiber::switch_to(*current_->fiber, home_);
  __builtin_unreachable();
}

std::string Scheduler::describe(const Thread& thread) const {
  return concat("thread ", to_string(thread.index), " waits at ", thread.waits_at, ", ",
                to_string(thread.place));
}

void Scheduler::fail_deadlock() const {
  const Thread* barrier = nullptr;
  const Thread* warp = nullptr;
  for (const Thread& thread : threads_) {
    if (!barrier && thread.state == State::at_barrier) barrier = &thread;
    if (!warp && thread.state == State::at_warp) warp = &thread;
  }
  std::string text = "is the last that could go on; the block is stuck:";
  if (barrier) text += concat(" ", at_barrier_, " at a barrier (", describe(*barrier), ")");
  if (warp) {
    text += concat(barrier ? " and" : "", " lanes at a warp operation (", describe(*warp),
                   ", mask 0x", std::hex, warp->mask, ")");
  }
  fail(text);
}

}  // namespace tl::simt
