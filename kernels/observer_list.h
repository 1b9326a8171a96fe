// ObserverList: who is told of something while it happens. Nobody is the usual case and costs a
// load and a branch.
#pragma once

#include <atomic>
#include <mutex>

namespace tl {

template <class Observer>
class ObserverList;

/// Base of what an ObserverList<Observer> holds.
template <class Observer>
class Observes {
 protected:
  Observes() = default;
  ~Observes() = default;
  Observes(const Observes&) = delete;
  Observes& operator=(const Observes&) = delete;

 private:
  friend class ObserverList<Observer>;
  Observer* next_ = nullptr;
};

template <class Observer>
class ObserverList {
 public:
  /// Who came last, the others behind; nullptr: nobody. Those who come later are not behind it, so
  /// who was told of a beginning, and nobody else, can be told of the end.
  Observer* newest() const { return newest_.load(std::memory_order_acquire); }

  template <class F>
  static void for_each(Observer* newest, const F& f) {
    for (Observer* o = newest; o; o = o->next_) f(*o);
  }

  void add(Observer& observer) {
    const std::lock_guard lock(changes_);
    observer.next_ = newest();
    newest_.store(&observer, std::memory_order_release);
  }
  /// Nothing that it is told of may be happening.
  void remove(Observer& observer) {
    const std::lock_guard lock(changes_);
    if (newest() == &observer) return newest_.store(observer.next_, std::memory_order_release);
    for_each(newest(), [&](Observer& o) {
      if (o.next_ == &observer) o.next_ = observer.next_;
    });
  }

 private:
  std::mutex changes_;
  std::atomic<Observer*> newest_ = nullptr;
};

}  // namespace tl
