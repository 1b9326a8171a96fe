#include "apps/bench/run_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "kernels/cpu/simd_target.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

/// Median and least seconds of each library at its best, by its name; "" is ours.
struct Best {
  double median, least;
};
std::map<std::string, Best> best_times(const std::vector<Result>& results) {
  std::map<std::string, Best> all;
  for (const Result& r : results) {
    const std::string library = r.who->yardstick ? r.who->yardstick->name() : "";
    const auto [known, is_new] = all.emplace(library, Best{r.times.median, r.times.minimum});
    Best& best = known->second;
    best = {std::min(best.median, r.times.median), std::min(best.least, r.times.minimum)};
  }
  return all;
}

}  // namespace

void RunReport::print_head(const Roofline& roofline, const std::vector<Yardstick*>& yardsticks,
                           const std::vector<std::string>& missing) const {
  if (json_) return;
  if (device_ == Device::cpu) {
    std::printf("cpu, %s, %d threads: at most %.1f GFLOP/s, %.1f GB/s\n", cpu::simd_target_name(),
                thread_count(), 1e-9 * roofline.flops, 1e-9 * roofline.bytes);
  } else {
    std::printf("%s: at most %.1f GB/s\n", name_of(device_), 1e-9 * roofline.bytes);
  }
  for (const Yardstick* y : yardsticks)
    std::printf("yardstick %s %s\n", y->name(), y->version().c_str());
  for (const std::string& why : missing) std::printf("no yardstick %s\n", why.c_str());
}

void RunReport::print_copy(const Times& times, std::int64_t elements,
                           const Roofline& roofline) const {
  const Contestant copy{.name = ""};
  BenchCase c{.slot = "memory.copy", .problem = concat(elements, " elements")};
  c.bytes = 2 * sizeof(float) * static_cast<double>(elements);
  if (json_) print_line(c, {&copy, 0, times}, roofline, {});
}

void RunReport::print_line(const BenchCase& c, const Result& r, const Roofline& roofline,
                           const std::vector<std::pair<std::string, double>>& speed_over) const {
  const double seconds = r.times.median, moved = c.bytes / seconds;
  const double of_roofline = roofline.seconds(c.flop, c.bytes) / seconds;
  if (json_) {
    nlohmann::ordered_json line = {{"kernel", c.slot},
                                   {"variant", r.who->name},
                                   {"dtype", name_of(c.dtype)},
                                   {"device", name_of(device_)},
                                   {"problem", c.problem},
                                   {"layers", c.layers},
                                   {"chosen", r.who->is_chosen},
                                   {"error", r.error},
                                   {"seconds", seconds},
                                   {"seconds_min", r.times.minimum},
                                   {"seconds_max", r.times.maximum},
                                   {"spread", r.times.spread()},
                                   {"runs", r.times.count},
                                   {"gbytes", 1e-9 * moved},
                                   {"of_copy", moved / roofline.copied},
                                   {"gflops", 1e-9 * c.flop / seconds},
                                   {"of_roofline", of_roofline}};
    if (device_ == Device::cpu) {
      line["threads"] = thread_count();
      line["simd"] = cpu::simd_target_name();
      line["peak_gflops"] = 1e-9 * roofline.flops;
      line["peak_gbytes"] = 1e-9 * roofline.bytes;
    }
    if (r.who->yardstick) line["library"] = r.who->yardstick->version();
    for (const auto& [library, ratio] : speed_over) line["speed_over"][library] = ratio;
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf("  %c%-22s %8.1e %10.3f %10.3f %5.0f%% %9.1f %8.1f %6.0f%%",
                r.who->is_chosen ? '*' : ' ', r.who->name.empty() ? "-" : r.who->name.c_str(),
                r.error, 1e3 * seconds, 1e3 * r.times.minimum, 100 * r.times.spread(),
                1e-9 * c.flop / seconds, 1e-9 * moved, 100 * of_roofline);
    for (const auto& [library, ratio] : speed_over)
      std::printf("  %.2f x %s", ratio, library.c_str());
    std::printf("\n");
  }
  std::fflush(stdout);
}

void RunReport::add(const BenchCase& c, const std::vector<Result>& results,
                    const Roofline& roofline) {
  if (results.empty()) return;
  if (!json_) {
    std::printf("\n%s %s", c.slot.c_str(), c.problem.c_str());
    if (c.layers > 1) std::printf(", %d layers", c.layers);
    std::printf("\n   %-22s %8s %10s %10s %6s %9s %8s %7s\n", "* chosen", "error", "median ms",
                "least ms", "spread", "GFLOP/s", "GB/s", "of roof");
  }
  const std::map<std::string, Best> best = best_times(results);
  for (const Result& r : results) {
    std::vector<std::pair<std::string, double>> speed_over;
    for (const auto& [library, theirs] : best) {
      if (!library.empty() && !r.who->yardstick)
        speed_over.emplace_back(library, theirs.median / r.times.median);
    }
    print_line(c, r, roofline, speed_over);
    if (!r.who->is_chosen) continue;
    for (const auto& [library, theirs] : best) {
      if (library.empty()) continue;
      Sum& sum = sums_[{c.slot, library}];
      ++sum.problems;
      sum.chosen += c.layers * r.times.median;
      sum.theirs += c.layers * theirs.median;
      sum.chosen_least += c.layers * r.times.minimum;
      sum.theirs_least += c.layers * theirs.least;
    }
  }
}

void RunReport::print_sums() const {
  if (json_ || sums_.empty()) return;
  std::printf("\nchosen variants, all problems, each as often as there are layers of it\n");
  for (const auto& [key, sum] : sums_) {
    std::printf("  %s, %d problem%s: %.2f ms, %s %.2f ms: %.2f x; by the least times %.2f x\n",
                key.first.c_str(), sum.problems, sum.problems == 1 ? "" : "s", 1e3 * sum.chosen,
                key.second.c_str(), 1e3 * sum.theirs, sum.theirs / sum.chosen,
                sum.theirs_least / sum.chosen_least);
  }
}

}  // namespace tl
