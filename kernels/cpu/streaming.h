// Stores past the caches, for results that no cache could hold until they are read: a plain store
// would first read the line that it overwrites, and push out what is still needed.
#pragma once

#include <cstdint>

namespace tl::cpu {

constexpr std::int64_t kLineBytes = 64;  // of a cache line

/// Whether a result of `bytes`, written in pieces of whole lines `step_bytes` apart, goes past the
/// caches: from 32 MB on, which is more than a processor's share of most third-level caches.
/// Whoever writes so calls hwy::FlushStream() before others may read.
inline bool is_streamed(const void* result, std::int64_t step_bytes, std::int64_t bytes) {
  constexpr std::int64_t kStreamedBytes = 32 << 20;
  return bytes >= kStreamedBytes && step_bytes % kLineBytes == 0 &&
         reinterpret_cast<std::uintptr_t>(result) % kLineBytes == 0;
}

}  // namespace tl::cpu
