// RunReport: what `tlbench run` prints: a line per variant, and sums over a network at the end.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "apps/bench/bench_case.h"
#include "apps/bench/times.h"
#include "engine/device.h"

namespace tl {

/// What the machine can do, per second.
struct Roofline {
  double flops = 0;   ///< 0: not known
  double bytes = 0;   ///< by the fastest way to use memory
  double copied = 0;  ///< bytes by memory.copy, read and written

  double seconds(double flop, double moved) const {
    const double computing = flops > 0 ? flop / flops : 0, moving = moved / bytes;
    return computing > moving ? computing : moving;
  }
};

/// A contestant that was right, and its times.
struct Result {
  const Contestant* who;
  double error;
  Times times;
};

class RunReport {
 public:
  RunReport(Device device, bool json) : device_(device), json_(json) {}

  /// What stands in front; not in JSON.
  void print_head(const Roofline& roofline, const std::vector<Yardstick*>& yardsticks,
                  const std::vector<std::string>& missing) const;
  void print_copy(const Times& times, std::int64_t elements, const Roofline& roofline) const;
  void add(const BenchCase& c, const std::vector<Result>& results, const Roofline& roofline);
  /// For each kernel and yardstick, the times of all problems times their layers; not in JSON.
  void print_sums() const;

 private:
  /// Seconds: by the medians, and by the least times, which a busy machine spoils less.
  struct Sum {
    int problems = 0;
    double chosen = 0, theirs = 0, chosen_least = 0, theirs_least = 0;
  };
  void print_line(const BenchCase& c, const Result& result, const Roofline& roofline,
                  const std::vector<std::pair<std::string, double>>& speed_over) const;

  Device device_;
  bool json_;
  std::map<std::pair<std::string, std::string>, Sum> sums_;  // by slot and yardstick
};

}  // namespace tl
