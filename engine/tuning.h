// Tuning: which variant of a kernel is the fastest, found by running all of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "engine/device.h"
#include "kernels/variant.h"

namespace tl {

/// Names of variants, by slot and printed problem.
using TunedVariants = std::map<std::pair<std::string, std::string>, std::string>;

/// While one lives, run_variant() and the plans of frozen networks measure each problem that is new
/// to it with every variant that choose() may take, and compute it with the fastest. So whoever has
/// a network do once what it will do often has tuned it. Times are those of one call after the
/// other on the same operands: on cpu alone, where a kernel is done when it returns.
class Tuning {
 public:
  /// What is known already is not measured again.
  explicit Tuning(TunedVariants known);
  ~Tuning();
  Tuning(const Tuning&) = delete;
  Tuning& operator=(const Tuning&) = delete;

  /// The one that lives, or nullptr.
  static Tuning* current();

  /// The fastest variant of `slot` for `problem`; `run(variant)` computes it once. What choose()
  /// takes stays where it is forced, and unless another is clearly faster: times are never quite
  /// the same twice.
  template <class Problem, class Args, class Run>
  const Variant<Problem, Args>& fastest(const VariantSlot<Problem, Args>& slot,
                                        const Problem& problem, const Run& run) {
    const Variant<Problem, Args>* best = &slot.choose(problem);
    if (slot.is_forced()) return *best;
    const auto [entry, is_new] =
        found_.emplace(std::pair(slot.name(), concat(problem)), best->name);
    if (!is_new) {
      for (const auto& variant : slot.all()) {
        if (entry->second == variant.name && variant.supports(problem)) return variant;
      }
      return *best;
    }
    const Variant<Problem, Args>* chosen = best;
    double least = -1;  // seconds
    for (const auto& variant : slot.all()) {
      if (&variant == chosen || !may_take(variant, problem)) continue;
      if (least < 0) least = kClearly * time_of([&] { run(*chosen); });
      if (const double time = time_of([&] { run(variant); }); time < least) {
        least = time;
        best = &variant;
      }
    }
    entry->second = best->name;
    measured_ += least > 0;
    changed_ += best != chosen;
    return *best;
  }

  const TunedVariants& found() const { return found_; }
  /// Problems that several variants were measured for, and those that another than choose()'s is
  /// faster for.
  int measured() const { return measured_; }
  int changed() const { return changed_; }

 private:
  static constexpr double kClearly = 0.95;

  template <class Problem, class Args>
  static bool may_take(const Variant<Problem, Args>& variant, const Problem& problem) {
    return !variant.on_request && variant.cost && variant.supports(problem);
  }

  /// The least of a few runs in seconds, after one to warm up.
  template <class F>
  static double time_of(const F& run) {
    constexpr int kRuns = 5;
    constexpr double kEnough = 0.1;  // seconds
    run();
    double least = 0, all = 0;
    for (int i = 0; i < kRuns && (i < 2 || all < kEnough); ++i) {
      const auto start = std::chrono::steady_clock::now();
      run();
      const double time =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      least = i == 0 ? time : std::min(least, time);
      all += time;
    }
    return least;
  }

  TunedVariants found_;
  int measured_ = 0, changed_ = 0;
  Tuning* outer_;
};

/// The kernels of `device` with these preferences; throws where one names no variant of its slot.
Backend with_tuned_variants(Device device, const TunedVariants& tuned);

}  // namespace tl
