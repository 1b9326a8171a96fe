// strided: the contract of kernels/strided.h, one loop per dimension.
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

template <class T>
void copy_box(const StridedCopyProblem& p, std::size_t k, const T* x, T* y) {
  if (k == StridedCopyProblem::kMaxRank) {
    *y = *x;
    return;
  }
  for (std::int64_t i = 0; i < p.size[k]; ++i) {
    copy_box(p, k + 1, x + i * p.x_step[k], y + i * p.y_step[k]);
  }
}

void strided_copy(Stream, const StridedCopyProblem& p, ConstView x, View y) {
  if (p.elements() == 0) return;
  with_type(y.dtype,
            [&]<class T>(T) { copy_box(p, 0, x.as<T>() + p.x_offset, y.as<T>() + p.y_offset); });
}

}  // namespace

void install_strided(Backend& b) { b.strided.copy = strided_copy; }

}  // namespace tl::ref
