// What this machine can do at most, measured: the two roofs under which every kernel works
// (Williams, Waterman, Patterson, "Roofline", 2009).
#pragma once

#include <cstdint>

#include "apps/bench/peak_loops.h"

namespace tl {

/// Multiply-adds from register to register on the SIMD target in force: FLOP per second, the best
/// of several measurements of some milliseconds, on thread_count() threads.
double measure_flops();

/// Where data lies. Each thread has its own piece of l1 and l2; l3 and dram are shared.
enum class MemoryLevel { l1, l2, l3, dram };
inline constexpr MemoryLevel kMemoryLevels[] = {MemoryLevel::l1, MemoryLevel::l2, MemoryLevel::l3,
                                                MemoryLevel::dram};
const char* name_of(MemoryLevel level);

/// Bytes that all threads together go over, to measure `level`: half of a cache, or four times the
/// last one; 0 where the machine has no such cache.
std::int64_t footprint(MemoryLevel level);

/// Bytes per second, the best of several measurements on thread_count() threads. A copy counts what
/// it reads and what it writes. Stores are ordinary ones: before a cache line is written, it is
/// fetched, which is not counted.
double measure_bandwidth(MemoryLevel level, MemoryUse use);

}  // namespace tl
