#include "apps/bench/peak.h"

#include <algorithm>
#include <memory>
#include <new>

#include "apps/bench/cache_sizes.h"
#include "apps/bench/times.h"
#include "kernels/error.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

constexpr int kMeasurements = 30;
constexpr double kSeconds = 0.005;  // of one measurement, at least

/// Pieces of work per thread: one that is interrupted leaves its pieces to the others.
constexpr std::int64_t kPieces = 8;

/// Most of amount() per second in several measurements. amount(n) does n units of work on all
/// threads and says how much that was.
template <class Amount>
double best_rate(const Amount& amount) {
  std::int64_t units = 1;
  double best = 0;
  for (int i = 0; i < kMeasurements;) {
    const auto start = Clock::now();
    const double done = amount(units);
    const double seconds = seconds_since(start);
    if (seconds < kSeconds) {
      units *= 2;
      continue;
    }
    best = std::max(best, done / seconds);
    ++i;
  }
  return best;
}

struct FreeAligned {
  void operator()(float* data) const { ::operator delete[](data, std::align_val_t{64}); }
};
using AlignedFloats = std::unique_ptr<float[], FreeAligned>;

AlignedFloats aligned_floats(std::int64_t size) {
  AlignedFloats data(static_cast<float*>(
      ::operator new[](static_cast<std::size_t>(size) * sizeof(float), std::align_val_t{64})));
  std::fill_n(data.get(), size, 1.0F);
  return data;
}

bool is_shared(MemoryLevel level) { return level == MemoryLevel::l3 || level == MemoryLevel::dram; }

}  // namespace

double measure_flops() {
  constexpr std::int64_t kSteps = 1000;
  return best_rate([](std::int64_t units) {
    const std::int64_t pieces = kPieces * thread_count();
    parallel_for(pieces, [&](std::int64_t, int) { multiply_add_loop(units * kSteps); });
    return static_cast<double>(pieces * units) * multiply_add_loop(kSteps);
  });
}

const char* name_of(MemoryLevel level) {
  constexpr const char* kNames[] = {"L1", "L2", "L3", "DRAM"};
  return kNames[static_cast<int>(level)];
}

std::int64_t footprint(MemoryLevel level) {
  static const CacheSizes caches = cache_sizes();
  switch (level) {
    case MemoryLevel::l1:
      return caches.l1 / 2 * thread_count();
    case MemoryLevel::l2:
      return caches.l2 / 2 * thread_count();
    case MemoryLevel::l3:
      return caches.l3 / 2;
    case MemoryLevel::dram:
      return std::max<std::int64_t>(4 * caches.last_level(), 128 << 20);
  }
  return 0;
}

double measure_bandwidth(MemoryLevel level, MemoryUse use) {
  // Pieces of whole turns of memory_loop.
  const std::int64_t threads = thread_count(), pieces = kPieces * threads;
  const std::int64_t parts = is_shared(level) ? pieces : threads;
  const std::int64_t part =
      footprint(level) / static_cast<std::int64_t>(sizeof(float)) / parts / 512 * 512;
  check(part > 0, "bandwidth of ", name_of(level), ": there is no such cache");
  const AlignedFloats data = aligned_floats(part * parts);
  return best_rate([&](std::int64_t units) {
    if (is_shared(level)) {
      for (std::int64_t i = 0; i < units; ++i) {
        parallel_for(pieces, [&](std::int64_t piece, int) {
          memory_loop(use, data.get() + piece * part, part);
        });
      }
    } else {
      parallel_for(pieces, [&](std::int64_t, int worker) {
        for (std::int64_t i = 0; i < units; ++i) memory_loop(use, data.get() + worker * part, part);
      });
    }
    return static_cast<double>(units * pieces * part) * sizeof(float);
  });
}

}  // namespace tl
