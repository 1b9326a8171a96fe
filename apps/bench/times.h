// Times: how long one piece of work took, over many runs.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace tl {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Seconds.
struct Times {
  double minimum = 0, lower_quartile = 0, median = 0, upper_quartile = 0, maximum = 0;
  int count = 0;

  /// What half of the runs lie within, in parts of the median.
  double spread() const { return median > 0 ? (upper_quartile - lower_quartile) / median : 0; }
};

/// `seconds` holds at least one.
inline Times times_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const std::size_t last = seconds.size() - 1;
  return {.minimum = seconds.front(),
          .lower_quartile = seconds[last / 4],
          .median = seconds[seconds.size() / 2],
          .upper_quartile = seconds[last - last / 4],
          .maximum = seconds.back(),
          .count = static_cast<int>(seconds.size())};
}

}  // namespace tl
