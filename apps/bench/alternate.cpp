#include "apps/bench/alternate.h"

#include <algorithm>
#include <thread>

namespace tl {
namespace {

constexpr int kRounds = 7;

/// OpenBLAS looks for work for 2^26 ticks of the clock before it sleeps, the others for less.
constexpr std::chrono::milliseconds kPause{30};

/// A contestant and what has been found out about it.
class Runner {
 public:
  Runner(const Contestant& who, int copies, const TimingOptions& options)
      : who_(who), copies_(copies), options_(options) {
    run(1);
    const double once = std::max(run(1), 1e-7);
    turn_ = options.seconds > 0
                ? static_cast<int>(std::clamp(options.seconds / kRounds / once, 1.0, 1000.0))
                : 1;
  }

  void take_turn() {
    run(1);
    if (options_.wait) {
      seconds_.push_back(run(turn_) / turn_);
    } else {
      for (int i = 0; i < turn_; ++i) seconds_.push_back(run(1));
    }
  }

  const Yardstick* library() const { return who_.yardstick; }
  Times times() const { return times_of(seconds_); }

 private:
  /// Seconds of `count` runs.
  double run(int count) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) {
      who_.run(next_copy_);
      next_copy_ = (next_copy_ + 1) % copies_;
    }
    if (options_.wait) options_.wait();
    return seconds_since(start);
  }

  const Contestant& who_;
  int copies_, next_copy_ = 0, turn_ = 1;
  const TimingOptions& options_;
  std::vector<double> seconds_;
};

}  // namespace

std::vector<Times> time_alternating(const std::vector<const Contestant*>& contestants, int copies,
                                    const TimingOptions& options) {
  std::vector<Runner> runners;
  for (const Contestant* contestant : contestants)
    runners.emplace_back(*contestant, copies, options);
  const Yardstick* last = nullptr;
  for (int round = 0; round < (options.seconds > 0 ? kRounds : 1); ++round) {
    for (Runner& runner : runners) {
      if (runner.library() != last) std::this_thread::sleep_for(kPause);
      last = runner.library();
      runner.take_turn();
    }
  }
  std::vector<Times> times;
  for (const Runner& runner : runners) times.push_back(runner.times());
  return times;
}

}  // namespace tl
