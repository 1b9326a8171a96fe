// ThreadPool: the threads behind parallel_for.
//
// Workers are helpers that nobody depends on: the calling thread hands chunks out to itself as
// well, and waits at the end only for workers that have taken part. A worker that sleeps too long
// costs its help, never a hang. Whoever takes a chunk, results are the same, since bodies depend on
// the chunk alone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tl::cpu {

class ThreadPool {
 public:
  /// `threads` includes the calling one: threads - 1 workers are started, or as many as the system
  /// grants.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  /// Whether this thread is in a body that shares the pool with others: there, run() runs alone.
  static bool is_inside();
  void resize(int threads);

  using Call = void (*)(const void* body, std::int64_t chunk, int worker);

  /// See parallel_for.
  void run(std::int64_t chunks, Call call, const void* body);

 private:
  void start(int workers);
  void stop();
  void work(int worker);
  bool enter(std::uint32_t& seen);
  void leave();
  void wait_until_alone();
  void take_chunks(int worker);

  // The gate: who may touch the job. From the lowest bit: 10 bits, how many workers are inside;
  // 1 bit, whether more may enter; the rest counts the jobs. The job's fields are written while the
  // gate is closed and nobody is inside.
  static constexpr std::uint32_t kInside = 0x3FF, kOpen = 0x400, kJob = 0x800;
  std::atomic<std::uint32_t> gate_{0};

  std::int64_t chunks_ = 0;
  Call call_ = nullptr;
  const void* body_ = nullptr;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr exception_;  // guarded by mutex_

  std::atomic<bool> busy_{false};      // a run is under way: further ones do without workers
  std::atomic<int> sleeping_{0};       // workers that wait for wake_
  std::atomic<bool> waiting_{false};   // the caller waits for alone_
  std::atomic<bool> stopping_{false};  // workers are to return
  std::mutex mutex_;
  std::condition_variable wake_, alone_;
  std::vector<std::thread> workers_;
};

}  // namespace tl::cpu
