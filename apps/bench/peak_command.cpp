// tlbench peak: its options, and what it prints.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bench/commands.h"
#include "apps/bench/peak.h"
#include "kernels/backend.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

/// 1, 2, 4, ... and `most`.
std::vector<int> thread_counts(int most) {
  std::vector<int> counts;
  for (int n = 1; n < most; n *= 2) counts.push_back(n);
  counts.push_back(most);
  return counts;
}

struct Bandwidth {
  MemoryLevel level;
  int threads;
  std::int64_t bytes;
  double read, write, copy;
};

struct Peaks {
  std::vector<std::pair<int, double>> flops;  ///< threads, FLOP per second
  std::vector<Bandwidth> bandwidths;
};

Peaks measure_peaks() {
  const int most = thread_count();
  Peaks peaks;
  for (const int threads : thread_counts(most)) {
    set_thread_count(threads);
    peaks.flops.emplace_back(threads, measure_flops());
  }
  for (const int threads : most > 1 ? std::vector{1, most} : std::vector{1}) {
    set_thread_count(threads);
    for (const MemoryLevel level : kMemoryLevels) {
      if (footprint(level) == 0) continue;
      peaks.bandwidths.push_back(
          {level, threads, footprint(level), measure_bandwidth(level, MemoryUse::read),
           measure_bandwidth(level, MemoryUse::write), measure_bandwidth(level, MemoryUse::copy)});
    }
  }
  return peaks;
}

void print_table(const Peaks& peaks) {
  std::printf("SIMD target %s\n\nmultiply-add in f32\n", cpu::simd_target_name());
  for (const auto& [threads, flops] : peaks.flops)
    std::printf("  %3d thread%s %10.1f GFLOP/s\n", threads, threads == 1 ? " " : "s", 1e-9 * flops);
  std::printf("\nmemory, GB/s                    read     write      copy\n");
  for (const Bandwidth& b : peaks.bandwidths) {
    std::printf("  %3d thread%s %-4s %8.2f MB %9.1f %9.1f %9.1f\n", b.threads,
                b.threads == 1 ? " " : "s", name_of(b.level), 1e-6 * static_cast<double>(b.bytes),
                1e-9 * b.read, 1e-9 * b.write, 1e-9 * b.copy);
  }
}

void print_json(const Peaks& peaks) {
  nlohmann::ordered_json result = {{"simd", cpu::simd_target_name()}};
  for (const auto& [threads, flops] : peaks.flops)
    result["multiply_add"].push_back({{"threads", threads}, {"gflops", 1e-9 * flops}});
  for (const Bandwidth& b : peaks.bandwidths) {
    result["bandwidth"].push_back({{"level", name_of(b.level)},
                                   {"threads", b.threads},
                                   {"bytes", b.bytes},
                                   {"read_gbytes", 1e-9 * b.read},
                                   {"write_gbytes", 1e-9 * b.write},
                                   {"copy_gbytes", 1e-9 * b.copy}});
  }
  std::printf("%s\n", result.dump().c_str());
}

}  // namespace

Command add_bench_peak(CLI::App& tlbench) {
  struct Options {
    int threads = 0;
    bool json = false;
  };
  const auto o = std::make_shared<Options>();
  CLI::App& c = *tlbench.add_subcommand("peak", "Measures multiply-adds and memory at their best.");
  c.add_option("--threads", o->threads, "the most threads [all that this process may use]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  c.add_flag("--json", o->json, "one JSON object");
  return {&c, [o] {
            if (o->threads > 0) set_thread_count(o->threads);
            cpu_backend();  // takes TL_SIMD from the environment
            const Peaks peaks = measure_peaks();
            o->json ? print_json(peaks) : print_table(peaks);
            return 0;
          }};
}

}  // namespace tl
