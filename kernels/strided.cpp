#include "kernels/strided.h"

namespace tl {

StridedCopyProblem merged_copy(const char* op, const std::vector<std::int64_t>& size,
                               const std::vector<std::int64_t>& x_step,
                               const std::vector<std::int64_t>& y_step, std::int64_t x_offset,
                               std::int64_t y_offset) {
  StridedCopyProblem p;
  p.x_offset = x_offset;
  p.y_offset = y_offset;
  std::size_t first = StridedCopyProblem::kMaxRank;  // the dimensions so far are [first, kMaxRank)
  for (std::size_t k = size.size(); k-- > 0;) {
    if (size[k] == 1) continue;
    if (first < StridedCopyProblem::kMaxRank && x_step[k] == p.size[first] * p.x_step[first] &&
        y_step[k] == p.size[first] * p.y_step[first]) {
      p.size[first] *= size[k];
      continue;
    }
    check(first > 0, op, ": more than ", StridedCopyProblem::kMaxRank,
          " dimensions that cannot be merged");
    --first;
    p.size[first] = size[k];
    p.x_step[first] = x_step[k];
    p.y_step[first] = y_step[k];
  }
  return p;
}

std::vector<std::int64_t> contiguous_steps(const std::vector<std::int64_t>& extents) {
  std::vector<std::int64_t> steps(extents.size());
  std::int64_t step = 1;
  for (std::size_t k = extents.size(); k-- > 0;) {
    steps[k] = step;
    step *= extents[k];
  }
  return steps;
}

}  // namespace tl
