// Gradients of a filter that threads add up side by side, each of some of the pixels.
#if defined(TL_CPU_CONV2D_PARTIALS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_PARTIALS_INL_H_
#undef TL_CPU_CONV2D_PARTIALS_INL_H_
#else
#define TL_CPU_CONV2D_PARTIALS_INL_H_
#endif

#include "kernels/cpu/pack-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// dw = sum of the partial ones, `part_floats` apart, in order; `size` floats.
inline void add_partials(std::int64_t parts, std::int64_t part_floats, std::int64_t size,
                         const float* partial, float* dw) {
  constexpr std::int64_t kFloatsPerChunk = 16384;
  parallel_for(divide_up(size, kFloatsPerChunk), [&](std::int64_t chunk, int) {
    const std::int64_t begin = chunk * kFloatsPerChunk;
    const std::int64_t end = std::min(size, begin + kFloatsPerChunk);
    copy_floats(partial + begin, dw + begin, end - begin);
    for (std::int64_t part = 1; part < parts; ++part) {
      const float* from = partial + part * part_floats;
      for (std::int64_t i = begin; i < end; ++i) dw[i] += from[i];
    }
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
