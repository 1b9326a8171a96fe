// Thread counts in tests.
#pragma once

#include <doctest/doctest.h>

#include "kernels/parallel_for.h"

namespace tl::test {

/// Gives back, at the end of a test, the number of threads there was at its beginning.
class RestoreThreadCount {
 public:
  RestoreThreadCount() : count_(thread_count()) {}
  ~RestoreThreadCount() { set_thread_count(count_); }
  RestoreThreadCount(const RestoreThreadCount&) = delete;
  RestoreThreadCount& operator=(const RestoreThreadCount&) = delete;

 private:
  int count_;
};

/// compute() returns what a kernel wrote: the same bits for 1, 2 and 3 threads.
template <class F>
void check_same_for_all_thread_counts(const F& compute) {
  const RestoreThreadCount restore;
  set_thread_count(1);
  const auto alone = compute();
  for (int threads : {2, 3}) {
    set_thread_count(threads);
    CAPTURE(threads);
    CHECK((compute() == alone));
  }
}

}  // namespace tl::test
