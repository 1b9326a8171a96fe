// conv2d.backward_weight "depthwise": one filter per channel, any kernel, stride, padding and
// dilation.
//
//   dw[r, s, c] = sum over n, i, j of dy[n, i, j, c] * x[n, the pixel of tap (r, s), c]
//
// Block of outputs by block, as forward: what they give to a tap is summed up in a register and
// then added to the tap's sums, which lie as [kh, kw, c] in the cache. The rows of dy fall into
// parts, each with sums of its own in the workspace; these are added in the order of the parts.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_depthwise_backward_weight.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_depthwise-inl.h"
#include "kernels/cpu/conv2d_variants.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// How the rows of dy are cut up.
struct DepthwiseParts {
  static constexpr std::int64_t kEnoughParts = 64;
  static constexpr std::int64_t kLeastPixels = 64;  // of a part, for its sums to be worth adding
  static constexpr std::int64_t kMostFloats = std::int64_t{1} << 24;

  std::int64_t rows, count, step;  // step: floats from the sums of one part to the next

  explicit DepthwiseParts(const Conv2dProblem& p)
      : rows(p.n * p.out_h()), step(align_floats(p.w_size())) {
    const std::int64_t most = std::min({kEnoughParts, rows, kMostFloats / step});
    count = std::max<std::int64_t>(1, std::min(most, rows * p.out_w() / kLeastPixels));
  }
};

std::int64_t depthwise_backward_weight_workspace_bytes(const Conv2dProblem& p) {
  const DepthwiseParts parts(p);
  return parts.count * parts.step * static_cast<std::int64_t>(sizeof(float));
}

/// Adds what row `i` of the dy of one picture gives to the sums of some channels of `all`.
void add_row(const DepthwiseAxis& h, const DepthwiseAxis& w, std::int64_t i, std::int64_t all,
             Range channels, const float* x, const float* dy, float* sums) {
  for_each_block(h, w, i, all, [&](auto shape, std::int64_t j, const BlockTaps& taps) {
    for_each_channel_vector(channels, [&](auto d, std::int64_t c) {
      constexpr int kOutputs = decltype(shape)::kOutputs, kTaps = decltype(shape)::kTaps;
      hn::Vec<decltype(d)> of_outputs[kOutputs];
      for (int b = 0; b < kOutputs; ++b) {
        of_outputs[b] = hn::LoadU(d, dy + (j + b) * all + c);
      }
      for_each_tap_group(shape, taps, [&](std::int64_t from, std::int64_t step, std::int64_t at) {
        hn::Vec<decltype(d)> sum[kTaps];
        for (auto& s : sum) s = hn::Zero(d);
        for_each_product(shape, d, x + from + c, step, [&](auto pixel, int s, int b) {
          sum[s] = hn::MulAdd(pixel, of_outputs[b], sum[s]);
        });
        for (int s = 0; s < kTaps; ++s) {
          float* of_tap = sums + at + s * taps.w_column + c;
          hn::StoreU(hn::Add(hn::LoadU(d, of_tap), sum[s]), d, of_tap);
        }
      });
    });
  });
}

/// dw [c, kh, kw] = the sums of all parts, in order.
void combine_parts(const Conv2dProblem& p, const DepthwiseParts& parts, const float* sums,
                   float* dw) {
  constexpr std::int64_t kChannels = 32;  // of a chunk
  const std::int64_t channels = p.c_out, taps = p.kh * p.kw;
  parallel_ranges(channels, kChannels, [&](Range some) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      float total[kChannels] = {};
      for (std::int64_t part = 0; part < parts.count; ++part) {
        const float* from = sums + part * parts.step + tap * channels + some.begin;
        for (std::int64_t k = 0; k < some.size(); ++k) total[k] += from[k];
      }
      for (std::int64_t k = 0; k < some.size(); ++k) dw[(some.begin + k) * taps + tap] = total[k];
    }
  });
}

void depthwise_backward_weight_run(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const DepthwiseAxis h{p.h, p.out_h(), p.stride_h, -p.pad_h, p.kh, p.dilation_h, p.kh};
  const DepthwiseAxis w{p.w, p.out_w(), p.stride_w, -p.pad_w, p.kw, p.dilation_w, p.kw};
  const DepthwiseParts parts(p);
  auto* sums = static_cast<float*>(args.workspace.data);
  parallel_for(parts.count, [&](std::int64_t part, int) {
    float* of_part = sums + part * parts.step;
    std::fill_n(of_part, p.w_size(), 0.0f);
    const Range rows = part_of(parts.rows, parts.count, part);
    for_each_channel_block(p.c_out, p.kh * p.kw, [&](Range channels) {
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        add_row(h, w, row % h.outputs, p.c_out, channels,
                args.x.as<float>() + row / h.outputs * p.h * p.w * p.c_in,
                args.dy.as<float>() + row * w.outputs * p.c_out, of_part);
      }
    });
  });
  combine_parts(p, parts, sums, args.dw.as<float>());
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(depthwise_backward_weight_workspace_bytes);
HWY_EXPORT(depthwise_backward_weight_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_depthwise_shape(p) && !p.prologue;
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(depthwise_backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  HWY_DYNAMIC_DISPATCH(depthwise_backward_weight_run)(p, args);
}

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_depthwise() {
  return {.name = "depthwise",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = depthwise_cost};
}

}  // namespace tl::cpu
#endif
