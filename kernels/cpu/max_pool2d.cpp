// max_pool2d: channels are vector lanes; chunks are rows of the output (forward) or of dx
// (backward).
//
// Backward gathers: each element of dx looks into the few windows that cover it and adds the dy of
// those whose position it is. So every element is written once, by one thread, and the windows add
// up in the order of the contract's scatter.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/max_pool2d.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// The inputs along one axis of length `size` that window `o` covers.
Range window(const MaxPool2dProblem& p, std::int64_t size, std::int64_t o) {
  const std::int64_t first = o * p.stride - p.pad;
  return {std::max<std::int64_t>(first, 0), std::min(first + p.kernel, size)};
}

/// The windows along one axis, of `outputs` in all, that cover input `i`.
Range windows_over(const MaxPool2dProblem& p, std::int64_t outputs, std::int64_t i) {
  const std::int64_t past = i + p.pad - p.kernel;  // the last input before window 0 begins to cover
  return {past < 0 ? 0 : past / p.stride + 1, std::min((i + p.pad) / p.stride + 1, outputs)};
}

void forward(const MaxPool2dProblem& p, const float* x, float* y, std::int32_t* position) {
  const std::int64_t out_h = p.out_h(), out_w = p.out_w();
  parallel_ranges(p.n * out_h, rows_per_chunk(out_w * p.c), [=](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float* picture = x + row / out_h * p.h * p.w * p.c;
      const Range hs = window(p, p.h, row % out_h);
      for (std::int64_t ow = 0; ow < out_w; ++ow) {
        const Range ws = window(p, p.w, ow);
        const std::int64_t output = (row * out_w + ow) * p.c;
        for_each_vector({0, p.c}, [=](auto d, std::int64_t c) {
          const hn::Rebind<std::int32_t, decltype(d)> di;
          const auto index_of = [=](std::int64_t h, std::int64_t w) {
            return hn::Set(di, static_cast<std::int32_t>(h * p.w + w));
          };
          auto best = hn::LoadU(d, picture + (hs.begin * p.w + ws.begin) * p.c + c);
          auto best_index = index_of(hs.begin, ws.begin);
          for (std::int64_t h = hs.begin; h < hs.end; ++h) {
            for (std::int64_t w = ws.begin; w < ws.end; ++w) {
              const auto value = hn::LoadU(d, picture + (h * p.w + w) * p.c + c);
              // Larger, or the first NaN: not (value <= best) holds for both, unless best is NaN.
              const auto better = hn::AndNot(hn::Le(value, best), hn::Eq(best, best));
              best = hn::IfThenElse(better, value, best);
              best_index = hn::IfThenElse(hn::RebindMask(di, better), index_of(h, w), best_index);
            }
          }
          hn::StoreU(best, d, y + output + c);
          if (position) hn::StoreU(best_index, di, position + output + c);
        });
      }
    }
  });
}

void backward(const MaxPool2dProblem& p, const float* dy, const std::int32_t* position, float* dx) {
  const std::int64_t out_h = p.out_h(), out_w = p.out_w();
  parallel_ranges(p.n * p.h, rows_per_chunk(p.w * p.c), [=](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t n = row / p.h, h = row % p.h;
      const Range ohs = windows_over(p, out_h, h);
      for (std::int64_t w = 0; w < p.w; ++w) {
        const Range ows = windows_over(p, out_w, w);
        for_each_vector({0, p.c}, [=](auto d, std::int64_t c) {
          const hn::Rebind<std::int32_t, decltype(d)> di;
          const auto here = hn::Set(di, static_cast<std::int32_t>(h * p.w + w));
          auto sum = hn::Zero(d);
          for (std::int64_t oh = ohs.begin; oh < ohs.end; ++oh) {
            for (std::int64_t ow = ows.begin; ow < ows.end; ++ow) {
              const std::int64_t output = ((n * out_h + oh) * out_w + ow) * p.c + c;
              const auto is_here = hn::Eq(hn::LoadU(di, position + output), here);
              sum = hn::Add(
                  sum, hn::IfThenElseZero(hn::RebindMask(d, is_here), hn::LoadU(d, dy + output)));
            }
          }
          hn::StoreU(sum, d, dx + (row * p.w + w) * p.c + c);
        });
      }
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void run_forward(Stream, const MaxPool2dProblem& p, ConstView x, View y, View position) {
  const char* op = "max_pool2d.forward";
  HWY_DYNAMIC_DISPATCH(forward)
  (p, floats(op, x), floats(op, y), position ? position.as<std::int32_t>() : nullptr);
}

void run_backward(Stream, const MaxPool2dProblem& p, ConstView dy, ConstView position, View dx) {
  const char* op = "max_pool2d.backward";
  HWY_DYNAMIC_DISPATCH(backward)
  (p, floats(op, dy), position.as<std::int32_t>(), floats(op, dx));
}

}  // namespace

void install_max_pool2d(Backend& b) {
  b.max_pool2d.forward = run_forward;
  b.max_pool2d.backward = run_backward;
}

}  // namespace tl::cpu
#endif
