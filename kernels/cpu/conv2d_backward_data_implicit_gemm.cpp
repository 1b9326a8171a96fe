// conv2d.backward_data "implicit_gemm": any kernel, stride, padding, dilation and groups.
//
// Per axis, the pixels of dx of one residue modulo the stride are a convolution of stride 1 of dy
// with some of the taps (residue_taps.h): one ConvProduct per residue of h and w and per group. No
// product with an inserted zero is ever computed. Taps are taken in reverse order so that they step
// forwards through dy. The filter is packed as
// [group][residue of h][residue of w][panel of ci][taps of h, taps of w, co][kPanel].
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_data_implicit_gemm.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_product-inl.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/residue_taps.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

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
    floats = std::max(floats, conv_workspace_floats(product));
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
