// How contestants are timed: in alternation, so that a machine that slows down slows down all.
#pragma once

#include <vector>

#include "apps/bench/bench_case.h"
#include "apps/bench/times.h"

namespace tl {

struct TimingOptions {
  double seconds = 0.5;  ///< measured per contestant; 0: one run each
  /// Returns when the device has done all that was queued; null where kernels are done when they
  /// return. With it, many runs are queued and waited for together.
  std::function<void()> wait;
};

/// The times of one run, for each contestant in turn. All warm up with two runs that do not count.
/// Then come seven rounds, in each of which everybody has a turn: one more run that does not count,
/// which wakes its threads, then those that do, each on the next copy of the operands. Where the
/// library changes there is a pause before, in which the threads of the one before fall asleep.
std::vector<Times> time_alternating(const std::vector<const Contestant*>& contestants, int copies,
                                    const TimingOptions& options);

}  // namespace tl
