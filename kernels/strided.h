// Contract of the strided copy: a box of numbers from one regular arrangement into another. It is
// what transpose, slice, concat, pad and expand are made of.
//
//   y[y_offset + sum over k of i_k * y_step_k] = x[x_offset + sum over k of i_k * x_step_k]
//   for every index i with 0 <= i_k < size_k
//
// Elements of y that no index reaches keep what they hold. A step of x may be 0 (expand), steps may
// be negative, but no two indices reach the same element of y. x and y have one dtype, any, and do
// not overlap. The caller answers for every index being inside both buffers. Deterministic.
// Kernels are at their best with the dimensions in the order of y: falling steps of y.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct StridedCopyProblem {
  static constexpr std::size_t kMaxRank = 6;

  /// Outermost dimension first; what is not used has size 1.
  std::array<std::int64_t, kMaxRank> size{1, 1, 1, 1, 1, 1}, x_step{}, y_step{};
  std::int64_t x_offset = 0, y_offset = 0;

  /// Number of elements copied.
  std::int64_t elements() const {
    std::int64_t product = 1;
    for (const std::int64_t s : size) product *= s;
    return product;
  }
};

/// The problem over any number of dimensions: those of size 1 are dropped, and neighbours that step
/// as one dimension would, in x and in y, are merged. At most kMaxRank may be left; they stand
/// last. Throws, naming `op`, when there are more.
StridedCopyProblem merged_copy(const char* op, const std::vector<std::int64_t>& size,
                               const std::vector<std::int64_t>& x_step,
                               const std::vector<std::int64_t>& y_step, std::int64_t x_offset = 0,
                               std::int64_t y_offset = 0);

/// The steps of a contiguous array of these extents: how far apart neighbours in each dimension
/// lie.
std::vector<std::int64_t> contiguous_steps(const std::vector<std::int64_t>& extents);

struct StridedKernels {
  Slot<void(Stream, const StridedCopyProblem&, ConstView x, View y)> copy{"strided.copy"};
};

}  // namespace tl
