#include "kernels/simt/queues.h"

#include <algorithm>
#include <utility>

#include "kernels/error.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/order.h"

namespace tl::simt {

class Queue {
 public:
  struct Entry {
    Work work;  // without a function: a wait for `point`
    Point point;
  };
  std::deque<Entry> entries;
  std::uint64_t issued = 0, done = 0;
  std::uint64_t done_before_drop = 0;  // the last one

  bool is_blocked() const {
    const Point& point = entries.front().point;
    return point.queue && point.queue->done < point.position;
  }
};

namespace {

constexpr std::uint64_t kMaxLength = 1024;

}  // namespace

std::shared_ptr<Queue> Queues::add() {
  const std::lock_guard lock(mutex_);
  return queues_.emplace_back(std::make_shared<Queue>());
}

void Queues::remove(const std::shared_ptr<Queue>& queue) {
  const std::lock_guard lock(mutex_);
  std::erase(queues_, queue);
}

void Queues::push(Queue& queue, Work work) {
  const std::lock_guard lock(mutex_);
  queue.entries.push_back({std::move(work), {}});
  ++queue.issued;
}

void Queues::push_wait(Queue& queue, Point point) {
  const std::lock_guard lock(mutex_);
  queue.entries.push_back({{}, std::move(point)});
  ++queue.issued;
}

Point Queues::end(const std::shared_ptr<Queue>& queue) {
  const std::lock_guard lock(mutex_);
  return {queue, queue->issued};
}

Point Queues::limit(const std::shared_ptr<Queue>& queue) {
  const std::lock_guard lock(mutex_);
  return {queue, std::max(queue->issued, kMaxLength) - kMaxLength};
}

bool Queues::has_passed(const Point& point) {
  const std::lock_guard lock(mutex_);
  return !point.queue || point.queue->done >= point.position;
}

void Queues::run_to(const Point& point) {
  std::unique_lock lock(mutex_);
  if (!point.queue || point.queue->done >= point.position) return;
  const std::uint64_t drops = drops_;
  lock.unlock();

  const std::lock_guard one_at_a_time(running_);
  const DeviceMemoryAccess access;
  std::mt19937 random(thread_order().seed);
  lock.lock();
  while (goes_on(point)) run_next(point, random, lock);
  check(drops == drops_ || point.position <= point.queue->done_before_drop, "dropped, because ",
        dropped_for_);
}

void Queues::run_all() {
  std::vector<Point> ends;
  {
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Queue>& queue : queues_) ends.push_back({queue, queue->issued});
  }
  for (const Point& end : ends) run_to(end);
}

void Queues::run_one(const Point& point) {
  const std::lock_guard one_at_a_time(running_);
  const DeviceMemoryAccess access;
  std::mt19937 random(thread_order().seed);
  std::unique_lock lock(mutex_);
  if (point.queue->done < point.position) run_next(point, random, lock);
}

void Queues::run_next(const Point& goal, std::mt19937& random, std::unique_lock<std::mutex>& lock) {
  Queue& queue = next(goal, random);
  // Only this thread takes entries away, and what others add moves none.
  const Work& work = queue.entries.front().work;
  if (work.run) {
    lock.unlock();
    try {
      work.run();
    } catch (const std::exception& error) {
      lock.lock();
      dropped_for_ = error.what();
      drop_all();
      throw;
    }
    lock.lock();
  }
  queue.entries.pop_front();
  ++queue.done;
}

bool Queues::goes_on(const Point& goal) const {
  if (goal.queue->done < goal.position) return true;
  return thread_order().kind == ThreadOrder::reverse && !runnable().empty();
}

/// Waits lead back in time only, so while there is work some of it can run.
Queue& Queues::next(const Point& goal, std::mt19937& random) {
  const ThreadOrder::Kind order = thread_order().kind;
  if (order == ThreadOrder::random) {
    const std::vector<Queue*> all = runnable();
    return *all[random() % all.size()];
  }
  if (order == ThreadOrder::reverse) {
    std::vector<Queue*> others = runnable();
    std::erase(others, goal.queue.get());
    return others.empty() ? *goal.queue : *others.back();
  }
  Queue* needed = goal.queue.get();
  while (needed->is_blocked()) needed = needed->entries.front().point.queue.get();
  return *needed;
}

std::vector<Queue*> Queues::runnable() const {
  std::vector<Queue*> found;
  for (const std::shared_ptr<Queue>& queue : queues_) {
    if (!queue->entries.empty() && !queue->is_blocked()) found.push_back(queue.get());
  }
  return found;
}

void Queues::drop_all() {
  ++drops_;
  for (const std::shared_ptr<Queue>& queue : queues_) {
    for (const Queue::Entry& entry : queue->entries) {
      if (entry.work.is_kept) entry.work.run();
    }
    queue->entries.clear();
    queue->done_before_drop = std::exchange(queue->done, queue->issued);
  }
}

Queues& queues() {
  static Queues& instance = *new Queues;
  return instance;
}

}  // namespace tl::simt
