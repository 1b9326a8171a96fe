// conv2d.backward_data "winograd_f4x4" and "winograd_f5x5": the gradient of x of a 3x3 convolution
// of stride 1 is a convolution of dy with the filter turned by 180 degrees and its channels
// exchanged, padded by 2 - pad; so it is the same WinogradProduct as the forward pass.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_data_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/winograd_product-inl.h"
#include "kernels/cpu/winograd_variant.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

template <int kTile>
WinogradProduct<kTile> product_of(const Conv2dProblem& p) {
  WinogradProduct<kTile> product;
  product.n = p.n;
  product.x_h = p.out_h();
  product.x_w = p.out_w();
  product.c_in = p.c_out;
  product.pad_h = kTaps - 1 - p.pad_h;
  product.pad_w = kTaps - 1 - p.pad_w;
  product.y_h = p.h;
  product.y_w = p.w;
  product.c_out = p.c_in;
  return product;
}

template <int kTile>
std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return winograd_filter_floats<kTile>(p.c_out, p.c_in) * static_cast<std::int64_t>(sizeof(float));
}

template <int kTile>
void prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  constexpr std::int64_t kAllTaps = kTaps * kTaps;
  prepare_winograd_filter<kTile>(
      p.c_out, p.c_in, prepared, [&](std::int64_t panel, std::int64_t co, float* taps) {
        const std::int64_t ci = panel * kPanel, width = std::min(kPanel, p.c_in - ci);
        for (std::int64_t tap = 0; tap < kAllTaps; ++tap) {
          const std::int64_t turned = kAllTaps - 1 - tap;
          pack_panel(w + (co * kAllTaps + turned) * p.c_in + ci, kAllTaps * p.c_in, kDepthBlock,
                     width, kDepthBlock, taps + tap * kDepthBlock * kPanel);
        }
      });
}

template <int kTile>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  const std::int64_t tiles = product_of<kTile>(p).tiles();
  if (tiles == 0) return 0;
  const WinogradBlocking<kTile> blocking(tiles, p.c_out, p.c_in);
  return blocking.workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

template <int kTile>
void run(const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  WinogradProduct<kTile> product = product_of<kTile>(p);
  if (product.tiles() == 0) return;
  product.x = args.dy.as<float>();
  product.u = static_cast<const float*>(args.w.data);
  product.y = args.dx.as<float>();
  if (p.accumulate) product.addend = product.y;
  run_winograd_product(product, static_cast<float*>(args.workspace.data));
}

using Functions = WinogradFunctions<Conv2dBackwardDataArgs>;

template <int kTile>
Functions functions() {
  return {prepared_bytes<kTile>, prepare<kTile>, workspace_bytes<kTile>, run<kTile>};
}

Functions winograd_backward_data_f4x4() { return functions<4>(); }
Functions winograd_backward_data_f5x5() { return functions<5>(); }

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_backward_data_f4x4);
HWY_EXPORT(winograd_backward_data_f5x5);

/// Those of the instruction set that runs.
template <int kTile>
WinogradFunctions<Conv2dBackwardDataArgs> functions() {
  if constexpr (kTile == 4) return HWY_DYNAMIC_DISPATCH(winograd_backward_data_f4x4)();
  if constexpr (kTile == 5) return HWY_DYNAMIC_DISPATCH(winograd_backward_data_f5x5)();
}

bool supports(const Conv2dProblem& p) { return is_all_f32(p) && is_winograd_shape(p); }

template <int kTile>
Conv2dBackwardDataVariant variant(const char* name) {
  return winograd_variant<kTile, Conv2dBackwardDataArgs, functions<kTile>>(name, supports);
}

}  // namespace

Conv2dBackwardDataVariant conv2d_backward_data_winograd_f4x4() {
  return variant<4>("winograd_f4x4");
}
Conv2dBackwardDataVariant conv2d_backward_data_winograd_f5x5() {
  return variant<5>("winograd_f5x5");
}

}  // namespace tl::cpu
#endif
