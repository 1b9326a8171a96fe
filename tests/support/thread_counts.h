// Thread counts in tests.
#pragma once

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

}  // namespace tl::test
