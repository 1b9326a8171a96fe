// memory.cast: one loop per pair of element types, in chunks. The loops are plain C++, compiled for
// every instruction set: the compiler knows the conversions of each.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cast.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "kernels/convert.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/ranges.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

template <class X, class Y>
void convert(const X* x, Y* y, Range range) {
  for (std::int64_t i = range.begin; i < range.end; ++i) y[i] = saturated_cast<Y>(x[i]);
}

void cast(ConstView x_view, View y_view) {
  with_type(x_view.dtype, [&]<class X>(X) {
    with_type(y_view.dtype, [&]<class Y>(Y) {
      const X* x = x_view.as<X>();
      Y* y = y_view.as<Y>();
      parallel_ranges(y_view.size, kChunk, [=](Range range) { convert(x, y, range); });
    });
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(cast);

void run(Stream, ConstView x, View y) {
  check(x.size == y.size, "memory.cast: needs equal size, got ", x.size, " and ", y.size);
  HWY_DYNAMIC_DISPATCH(cast)(x, y);
}

}  // namespace

void install_cast(Backend& b) { b.memory.cast = run; }

}  // namespace tl::cpu
#endif
