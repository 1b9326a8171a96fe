// conv2d.backward_data "implicit_gemm": any kernel, stride, padding, dilation and groups.
//
// Per axis, dx[ih] = sum of dy[oh] * w[r] over oh * stride - pad + r * dilation = ih. Which taps r
// can fulfil that depends only on ih modulo the stride. For the pixels ih = residue + stride * i of
// one residue they are r = first, first + period, ... with period = stride / gcd(stride, dilation),
// and tap number t of them reads
//
//   oh = i + (residue + pad - first * dilation) / stride - t * (dilation / gcd)
//
// which is a convolution of stride 1: one ConvProduct per residue of h and w and per group. No
// product with an inserted zero is ever computed. Taps are taken in reverse order so that they step
// forwards through dy. The filter is packed as
// [group][residue of h][residue of w][panel of ci][taps of h, taps of w, co][kPanel].
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_data_implicit_gemm.cpp"
#include "hwy/foreach_target.h"
//
#include <numeric>

#include "kernels/cpu/conv2d_product-inl.h"
#include "kernels/cpu/conv2d_variants.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// One residue of one axis, as above.
struct ResidueTaps {
  std::int64_t pixels = 0;    // how many i there are
  std::int64_t taps = 0;      // how many r
  std::int64_t last = 0;      // the last r, which is tap 0 of the product
  std::int64_t period = 1;    // from one r to the next
  std::int64_t origin = 0;    // oh of tap 0 for i = 0
  std::int64_t tap_step = 1;  // from the oh of one tap to that of the next

  ResidueTaps(std::int64_t residue, std::int64_t size, std::int64_t kernel, std::int64_t stride,
              std::int64_t pad, std::int64_t dilation) {
    const std::int64_t common = std::gcd(stride, dilation);
    period = stride / common;
    tap_step = dilation / common;
    pixels = residue < size ? (size - residue - 1) / stride + 1 : 0;
    std::int64_t first = 0;
    while (first < std::min(kernel, period) && (residue + pad - first * dilation) % stride != 0) {
      ++first;
    }
    if (first >= std::min(kernel, period)) return;
    taps = (kernel - 1 - first) / period + 1;
    last = first + (taps - 1) * period;
    origin = (residue + pad - last * dilation) / stride;
  }

  /// The r of tap `t` of the product.
  std::int64_t kernel_index(std::int64_t t) const { return last - t * period; }
};

ResidueTaps residue_h(const Conv2dProblem& p, std::int64_t residue) {
  return {residue, p.h, p.kh, p.stride_h, p.pad_h, p.dilation_h};
}
ResidueTaps residue_w(const Conv2dProblem& p, std::int64_t residue) {
  return {residue, p.w, p.kw, p.stride_w, p.pad_w, p.dilation_w};
}

std::int64_t depth_of(const Conv2dProblem& p, const ResidueTaps& h, const ResidueTaps& w) {
  return h.taps * w.taps * (p.c_out / p.groups);
}

/// Calls f(group, residue of h, residue of w, their taps, offset of the packed filter in floats)
/// for every product; returns the size of all packed filters.
template <class F>
std::int64_t for_each_product(const Conv2dProblem& p, const F& f) {
  std::int64_t offset = 0;
  for (std::int64_t group = 0; group < p.groups; ++group) {
    for (std::int64_t i = 0; i < p.stride_h; ++i) {
      for (std::int64_t j = 0; j < p.stride_w; ++j) {
        const ResidueTaps h = residue_h(p, i), w = residue_w(p, j);
        f(group, i, j, h, w, offset);
        offset += packed_filter_floats(depth_of(p, h, w), p.c_in / p.groups);
      }
    }
  }
  return offset;
}

std::int64_t backward_data_prepared_bytes(const Conv2dProblem& p) {
  const std::int64_t floats = for_each_product(p, [](auto...) {});
  return floats * static_cast<std::int64_t>(sizeof(float));
}

/// One panel of input channels of one product.
void pack_flipped_panel(const Conv2dProblem& p, const float* w, std::int64_t group,
                        const ResidueTaps& h_taps, const ResidueTaps& w_taps, std::int64_t panel,
                        float* to) {
  const std::int64_t group_in = p.c_in / p.groups, group_out = p.c_out / p.groups;
  const std::int64_t ci = panel * kPanel, width = std::min(kPanel, group_in - ci);
  const float* group_w = w + group * group_out * p.kh * p.kw * group_in;
  for (std::int64_t t = 0; t < h_taps.taps; ++t) {
    for (std::int64_t u = 0; u < w_taps.taps; ++u) {
      const std::int64_t tap = h_taps.kernel_index(t) * p.kw + w_taps.kernel_index(u);
      pack_panel(group_w + tap * group_in + ci, p.kh * p.kw * group_in, group_out, width, group_out,
                 to);
      to += group_out * kPanel;
    }
  }
  const std::int64_t depth = depth_of(p, h_taps, w_taps);
  zero_floats(to, (round_up(depth, kDepthBlock) - depth) * kPanel);
}

void backward_data_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  for_each_product(p, [&](std::int64_t group, std::int64_t, std::int64_t, const ResidueTaps& h_taps,
                          const ResidueTaps& w_taps, std::int64_t offset) {
    const std::int64_t panel_floats = round_up(depth_of(p, h_taps, w_taps), kDepthBlock) * kPanel;
    parallel_for(panels(p.c_in / p.groups), [&](std::int64_t panel, int) {
      pack_flipped_panel(p, w, group, h_taps, w_taps, panel,
                         prepared + offset + panel * panel_floats);
    });
  });
}

/// Buffers are left open.
ConvProduct product_of_residues(const Conv2dProblem& p, std::int64_t i, std::int64_t j,
                                const ResidueTaps& h, const ResidueTaps& w) {
  const std::int64_t group_in = p.c_in / p.groups, group_out = p.c_out / p.groups;
  ConvProduct product;
  product.n = p.n;
  product.grid_h = h.pixels;
  product.grid_w = w.pixels;
  product.taps_h = h.taps;
  product.taps_w = w.taps;
  product.channels = group_out;
  product.x_h = p.out_h();
  product.x_w = p.out_w();
  product.x_pixel = p.c_out;
  product.origin_h = h.origin;
  product.origin_w = w.origin;
  product.tap_step_h = h.tap_step;
  product.tap_step_w = w.tap_step;
  product.columns = group_in;
  product.y_h = p.h;
  product.y_w = p.w;
  product.y_pixel = p.c_in;
  product.y_origin_h = i;
  product.y_origin_w = j;
  product.y_step_h = p.stride_h;
  product.y_step_w = p.stride_w;
  return product;
}

std::int64_t backward_data_workspace_bytes(const Conv2dProblem& p) {
  std::int64_t floats = 0;
  for_each_product(p, [&](std::int64_t, std::int64_t i, std::int64_t j, const ResidueTaps& h,
                          const ResidueTaps& w, std::int64_t) {
    const ConvProduct product = product_of_residues(p, i, j, h, w);
    floats = std::max(floats, ConvBlocking(product).workspace_floats());
  });
  return floats * static_cast<std::int64_t>(sizeof(float));
}

void backward_data_run(const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  for_each_product(p, [&](std::int64_t group, std::int64_t i, std::int64_t j, const ResidueTaps& h,
                          const ResidueTaps& w, std::int64_t offset) {
    ConvProduct product = product_of_residues(p, i, j, h, w);
    product.x = args.dy.as<float>() + group * product.channels;
    product.w = static_cast<const float*>(args.w.data) + offset;
    product.y = args.dx.as<float>() + group * product.columns;
    if (p.accumulate) product.addend = product.y;
    run_conv_product(product, static_cast<float*>(args.workspace.data));
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(backward_data_prepared_bytes);
HWY_EXPORT(backward_data_prepare);
HWY_EXPORT(backward_data_workspace_bytes);
HWY_EXPORT(backward_data_run);

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(backward_data_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(backward_data_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(backward_data_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  if (p.x_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(backward_data_run)(p, args);
}

double cost(const Conv2dProblem& p) { return implicit_gemm_cost(p); }

}  // namespace

Conv2dBackwardDataVariant conv2d_backward_data_implicit_gemm() {
  return {.name = "implicit_gemm",
          .supports = is_all_f32,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
