// Read run() first, then work(), then how both spin and sleep.
//
// Spinning answers within a microsecond, which layers of a small network need, but burns the core;
// sleeping costs tens of microseconds to end. So both sides spin for kSpin and then sleep. A side
// that goes to sleep first announces it (sleeping_, waiting_), then looks once more; the other side
// first changes gate_, then looks for the announcement. All four are sequentially consistent, so at
// least one of them sees the other: no wake-up is lost.
#include "kernels/cpu/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "kernels/cpu/available_cpus.h"
#include "kernels/error.h"
#include "kernels/parallel_for.h"

namespace tl::cpu {
namespace {

constexpr std::chrono::microseconds kSpin{50};
constexpr int kMaxThreads = 512;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Looks at `done` until it holds or kSpin is over.
template <class Done>
bool spin_until(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

thread_local bool inside = false;

// A forked child has this memory but none of the workers: it runs alone.
std::atomic<bool> in_forked_child{false};

}  // namespace

ThreadPool::ThreadPool(int threads) {
  pthread_atfork(nullptr, nullptr, [] { in_forked_child = true; });
  start(threads - 1);
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::resize(int threads) {
  check(threads >= 1 && threads <= kMaxThreads, "set_thread_count: needs 1 to ", kMaxThreads,
        " threads, got ", threads);
  if (threads == this->threads() || in_forked_child) return;
  stop();
  start(threads - 1);
}

void ThreadPool::run(std::int64_t chunks, Call call, const void* body) {
  const bool alone = chunks <= 1 || workers_.empty() || in_forked_child || busy_.exchange(true);
  if (alone) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) call(body, chunk, 0);
    return;
  }
  chunks_ = chunks;
  call_ = call;
  body_ = body;
  next_.store(0, std::memory_order_relaxed);
  gate_.store(((gate_.load(std::memory_order_relaxed) & ~kInside) + kJob) | kOpen);

  if (sleeping_.load() > 0) {
    // The empty critical section waits for a worker that has announced its sleep but not begun it.
    { std::lock_guard lock(mutex_); }
    const std::int64_t useful = std::min<std::int64_t>(chunks - 1, threads() - 1);
    for (std::int64_t i = 0; i < useful; ++i) wake_.notify_one();
  }
  take_chunks(0);
  gate_.fetch_and(~kOpen);
  wait_until_alone();

  const std::exception_ptr exception = std::exchange(exception_, nullptr);
  busy_.store(false);
  if (exception) std::rethrow_exception(exception);
}

bool ThreadPool::is_inside() { return inside; }

/// Calls the body until no chunk is left; an exception ends the job for everybody.
void ThreadPool::take_chunks(int worker) {
  inside = true;
  try {
    while (true) {
      const std::int64_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= chunks_) break;
      call_(body_, chunk, worker);
    }
  } catch (...) {
    next_.store(chunks_, std::memory_order_relaxed);
    std::lock_guard lock(mutex_);
    if (!exception_) exception_ = std::current_exception();
  }
  inside = false;
}

void ThreadPool::work(int worker) {
  std::uint32_t seen = 0;  // the last job this worker has entered: it does so once
  const auto ready = [&] {
    const std::uint32_t gate = gate_.load();
    return stopping_ || ((gate & kOpen) && (gate & ~kInside) != seen);
  };
  while (!stopping_) {
    if (!spin_until(ready)) {
      std::unique_lock lock(mutex_);
      ++sleeping_;
      wake_.wait(lock, ready);
      --sleeping_;
    }
    if (enter(seen)) {
      take_chunks(worker);
      leave();
    }
  }
}

/// Goes through the gate if it is open to a job that is not `seen`.
bool ThreadPool::enter(std::uint32_t& seen) {
  std::uint32_t gate = gate_.load();
  while ((gate & kOpen) && (gate & ~kInside) != seen) {
    if (gate_.compare_exchange_weak(gate, gate + 1)) {
      seen = gate & ~kInside;
      return true;
    }
  }
  return false;
}

void ThreadPool::leave() {
  const std::uint32_t gate = gate_.fetch_sub(1) - 1;
  if ((gate & kInside) == 0 && waiting_.load()) {
    { std::lock_guard lock(mutex_); }
    alone_.notify_one();
  }
}

void ThreadPool::wait_until_alone() {
  const auto is_alone = [&] { return (gate_.load() & kInside) == 0; };
  if (spin_until(is_alone)) return;
  std::unique_lock lock(mutex_);
  waiting_ = true;
  alone_.wait(lock, is_alone);
  waiting_ = false;
}

void ThreadPool::start(int workers) {
  stopping_ = false;
  workers_.reserve(static_cast<std::size_t>(workers));
  try {
    for (int worker = 1; worker <= workers; ++worker) {
      workers_.emplace_back([this, worker] { work(worker); });
    }
  } catch (const std::exception&) {
    // The system grants no more threads, or no memory for them: fewer do the same work.
  }
}

void ThreadPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

namespace {

/// Joins the workers at exit, except in a forked child, where that would wait for ever.
struct JoinUnlessForked {
  void operator()(ThreadPool* pool) const {
    if (!in_forked_child) delete pool;
  }
};

ThreadPool& pool() {
  static const std::unique_ptr<ThreadPool, JoinUnlessForked> pool(
      new ThreadPool(std::min(available_cpus(), kMaxThreads)));
  return *pool;
}

}  // namespace
}  // namespace tl::cpu

namespace tl {

int thread_count() { return cpu::ThreadPool::is_inside() ? 1 : cpu::pool().threads(); }

void set_thread_count(int threads) { cpu::pool().resize(threads); }

void detail::run_parallel(std::int64_t chunks, void (*call)(const void*, std::int64_t, int),
                          const void* body) {
  cpu::pool().run(chunks, call, body);
}

}  // namespace tl
