// What the two halves of batch_norm "chunked" share: its chunks and its workspace, which depend on
// the shape alone. batch_norm.cpp says what it is for.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/backend.h"
#include "kernels/cpu/ranges.h"

namespace tl::cpu {

inline bool batch_norm_supports(const BatchNormProblem& p) {
  return p.x_dtype == DType::f32 && p.stat_dtype == DType::f32;
}

/// At most 1024 rows, the longest chain of additions in f32, and a power of two, by which a chunk's
/// mean is divided without rounding.
inline std::int64_t batch_norm_chunk_rows(const BatchNormProblem& p) {
  const std::int64_t most = std::min<std::int64_t>(1024, rows_per_chunk(p.channels));
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(most)));
}
inline std::int64_t batch_norm_chunk_count(const BatchNormProblem& p) {
  return chunks_of(p.rows, batch_norm_chunk_rows(p));
}

/// Workspace: two sums per chunk and channel, then three factors per channel.
struct BatchNormWorkspace {
  std::int64_t channels;
  float* sums;
  float* factors;

  BatchNormWorkspace(const BatchNormProblem& p, const View& view)
      : channels(p.channels),
        sums(static_cast<float*>(view.data)),
        factors(sums + batch_norm_chunk_count(p) * 2 * p.channels) {}

  float* sum(std::int64_t chunk, int k) const { return sums + (chunk * 2 + k) * channels; }
  float* factor(int k) const { return factors + k * channels; }
};

inline std::int64_t batch_norm_workspace_bytes(const BatchNormProblem& p) {
  return (batch_norm_chunk_count(p) * 2 + 3) * p.channels *
         static_cast<std::int64_t>(sizeof(float));
}

/// nullptr where the view is absent.
inline float* optional_floats(View v) { return v ? v.as<float>() : nullptr; }

inline float inv_std_of(float variance, double epsilon) {
  return 1 / std::sqrt(variance + static_cast<float>(epsilon));
}

void add_batch_norm_backward(Backend& b);

}  // namespace tl::cpu
