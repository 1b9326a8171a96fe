// Queues: the work that has been issued and has not run yet.
//
// To issue work is to put it at the end of a queue; it runs when somebody waits for a point behind
// it. What else runs on the way, and in which order, is for the thread order (order.h) to say,
// within what the queues and the waits in them allow:
//
//   forward    only what the point needs: its own queue and, where that waits, others up to there
//   reverse    everything; first all that can run in other queues, the newest first
//   random     any head of a queue that can run
//
// So work that nothing orders is done both ways round, as a GPU may do it, as late as may be and as
// early.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace tl::simt {

class Queue;

/// The end of a queue at some time. One that has no queue lies behind no work.
struct Point {
  std::shared_ptr<Queue> queue;
  std::uint64_t position = 0;
};

struct Work {
  std::function<void()> run;
  /// Run where all other work is dropped, after an error. Must not throw.
  bool is_kept = false;
};

/// All members may be called from several OS threads; one of them runs work at a time.
class Queues {
 public:
  std::shared_ptr<Queue> add();
  /// Of a queue that is empty and gets no more work.
  void remove(const std::shared_ptr<Queue>& queue);

  void push(Queue& queue, Work work);
  /// What is pushed from now on runs when `point` has been passed.
  void push_wait(Queue& queue, Point point);

  Point end(const std::shared_ptr<Queue>& queue);
  /// Where `queue` must have come before it takes more: queues are as long as CUDA's.
  Point limit(const std::shared_ptr<Queue>& queue);
  bool has_passed(const Point& point);

  /// Runs work until `point` has been passed. When some of it throws, everything in all queues is
  /// dropped, and the error comes out here; also, as text, of other threads whose work it was.
  void run_to(const Point& point);
  /// Until all queues are where they end now.
  void run_all();
  /// Runs one piece of work on the way to `point`, which has not been passed.
  void run_one(const Point& point);

 private:
  void run_next(const Point& goal, std::mt19937& random, std::unique_lock<std::mutex>& lock);
  Queue& next(const Point& goal, std::mt19937& random);
  bool goes_on(const Point& goal) const;
  std::vector<Queue*> runnable() const;
  void drop_all();

  std::mutex running_;  // held by who runs work, and taken before mutex_
  std::mutex mutex_;    // of all that follows
  std::vector<std::shared_ptr<Queue>> queues_;
  std::uint64_t drops_ = 0;
  std::string dropped_for_;
};

/// Those of the program. Never destroyed: what has not run when it ends is dropped.
Queues& queues();

}  // namespace tl::simt
