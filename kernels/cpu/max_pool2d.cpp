// max_pool2d "channel_lanes": channels are vector lanes; chunks are rows of the output (forward) or
// of dx (backward).
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
#include <limits>

#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// One axis of a problem.
struct Axis {
  std::int64_t size, outputs, kernel, stride, pad, dilation;

  /// What window `o` has of the input: every `dilation`th element of a range.
  Range window(std::int64_t o) const {
    const std::int64_t first = o * stride - pad, end = first + dilation * (kernel - 1) + 1;
    const std::int64_t outside = first < 0 ? (-first + dilation - 1) / dilation : 0;
    return {first + outside * dilation, std::min(end, size)};
  }
  /// The windows within whose reach input `i` lies.
  Range windows_over(std::int64_t i) const {
    const std::int64_t before = i + pad - dilation * (kernel - 1) - 1;  // what window 0 left behind
    return {before < 0 ? 0 : before / stride + 1, std::min((i + pad) / stride + 1, outputs)};
  }
};

Axis rows_of(const MaxPool2dProblem& p) {
  return {p.h, p.out_h(), p.kernel_h, p.stride_h, p.pad_h, p.dilation_h};
}
Axis columns_of(const MaxPool2dProblem& p) {
  return {p.w, p.out_w(), p.kernel_w, p.stride_w, p.pad_w, p.dilation_w};
}

void forward(const MaxPool2dProblem& p, const float* x, float* y, std::int32_t* position) {
  const Axis h_axis = rows_of(p), w_axis = columns_of(p);
  const std::int64_t out_h = h_axis.outputs, out_w = w_axis.outputs;
  parallel_ranges(p.n * out_h, rows_per_chunk(out_w * p.c), [=](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float* picture = x + row / out_h * p.h * p.w * p.c;
      const Range hs = h_axis.window(row % out_h);
      for (std::int64_t ow = 0; ow < out_w; ++ow) {
        const Range ws = w_axis.window(ow);
        const bool empty = hs.begin >= hs.end || ws.begin >= ws.end;
        const std::int64_t output = (row * out_w + ow) * p.c;
        for_each_vector({0, p.c}, [=](auto d, std::int64_t c) {
          const hn::Rebind<std::int32_t, decltype(d)> di;
          const auto index_of = [=](std::int64_t h, std::int64_t w) {
            return hn::Set(di, static_cast<std::int32_t>(h * p.w + w));
          };
          auto best = hn::Set(d, -std::numeric_limits<float>::infinity());
          auto best_index = hn::Set(di, -1);
          if (!empty) {
            best = hn::LoadU(d, picture + (hs.begin * p.w + ws.begin) * p.c + c);
            best_index = index_of(hs.begin, ws.begin);
          }
          for (std::int64_t h = hs.begin; h < hs.end; h += p.dilation_h) {
            for (std::int64_t w = ws.begin; w < ws.end; w += p.dilation_w) {
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
  const Axis h_axis = rows_of(p), w_axis = columns_of(p);
  parallel_ranges(p.n * p.h, rows_per_chunk(p.w * p.c), [=](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t n = row / p.h, h = row % p.h;
      const Range ohs = h_axis.windows_over(h);
      for (std::int64_t w = 0; w < p.w; ++w) {
        const Range ows = w_axis.windows_over(w);
        for_each_vector({0, p.c}, [=](auto d, std::int64_t c) {
          const hn::Rebind<std::int32_t, decltype(d)> di;
          const auto here = hn::Set(di, static_cast<std::int32_t>(h * p.w + w));
          auto sum = hn::Zero(d);
          for (std::int64_t oh = ohs.begin; oh < ohs.end; ++oh) {
            for (std::int64_t ow = ows.begin; ow < ows.end; ++ow) {
              const std::int64_t output =
                  ((n * h_axis.outputs + oh) * w_axis.outputs + ow) * p.c + c;
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

bool supports(const MaxPool2dProblem& p) { return p.dtype == DType::f32; }

void run_forward(Stream, const MaxPool2dProblem& p, const MaxPool2dForwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(forward)
  (p, args.x.as<float>(), args.y.as<float>(),
   p.positions ? args.position.as<std::int32_t>() : nullptr);
}

void run_backward(Stream, const MaxPool2dProblem& p, const MaxPool2dBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(backward)
  (p, args.dy.as<float>(), args.position.as<std::int32_t>(), args.dx.as<float>());
}

}  // namespace

void install_max_pool2d(Backend& b) {
  const char* name = "channel_lanes";
  b.max_pool2d.forward.add({.name = name, .supports = supports, .run = run_forward});
  b.max_pool2d.backward.add({.name = name, .supports = supports, .run = run_backward});
}

}  // namespace tl::cpu
#endif
