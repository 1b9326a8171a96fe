// conv2d.forward "winograd_f2x2" and "winograd_f4x4": 3x3, stride 1, by Winograd's algorithm in
// tiles of 2x2 or 4x4 outputs (winograd_product-inl.h).
//
//   f4x4   4 times fewer multiplications, at five to seven times the rounding error of a direct
//          sum; reads a filter four times as large
//   f2x2   2.25 times fewer, at less than twice the rounding error; reads a filter 1.8 times as
//          large. For few pixels and many channels, where reading the filter takes the time
//
// The filter is prepared as U [panel][point][c_in][kPanel].
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_product-inl.h"

#ifndef TL_CPU_CONV2D_FORWARD_WINOGRAD_CPP_
#define TL_CPU_CONV2D_FORWARD_WINOGRAD_CPP_
namespace tl::cpu {
namespace {

/// What is compiled for every instruction set.
struct WinogradForward {
  std::int64_t (*prepared_bytes)(const Conv2dProblem& p);
  void (*prepare)(const Conv2dProblem& p, const float* w, float* prepared);
  std::int64_t (*workspace_bytes)(const Conv2dProblem& p);
  void (*run)(const Conv2dProblem& p, const Conv2dForwardArgs& args);
};

}  // namespace
}  // namespace tl::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

template <int kTile>
std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return winograd_filter_floats<kTile>(p.c_in, p.c_out) * static_cast<std::int64_t>(sizeof(float));
}

template <int kTile>
void prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  constexpr std::int64_t kAllTaps = kTaps * kTaps;
  prepare_winograd_filter<kTile>(
      p.c_in, p.c_out, prepared, [&](std::int64_t panel, std::int64_t channel, float* taps) {
        const std::int64_t width = std::min(kPanel, p.c_out - panel * kPanel);
        for (std::int64_t tap = 0; tap < kAllTaps; ++tap) {
          pack_panel_transposed(w + (panel * kPanel * kAllTaps + tap) * p.c_in + channel,
                                kAllTaps * p.c_in, kDepthBlock, width, kDepthBlock,
                                taps + tap * kDepthBlock * kPanel);
        }
      });
}

template <int kTile>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  const WinogradBlocking<kTile> blocking(forward_tiles<kTile>(p).tiles(), p.c_in, p.c_out);
  return blocking.workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

template <int kTile>
void run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  WinogradProduct<kTile> product = forward_tiles<kTile>(p);
  product.x = args.x.as<float>();
  product.u = static_cast<const float*>(args.w.data);
  product.y = args.y.as<float>();
  if (p.bias) product.bias = args.bias.as<float>();
  if (p.residual) product.addend = args.residual.as<float>();
  product.relu = p.relu;
  run_winograd_product(product, static_cast<float*>(args.workspace.data));
}

template <int kTile>
WinogradForward functions() {
  return {prepared_bytes<kTile>, prepare<kTile>, workspace_bytes<kTile>, run<kTile>};
}

WinogradForward winograd_forward_f2x2() { return functions<2>(); }
WinogradForward winograd_forward_f4x4() { return functions<4>(); }

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_forward_f2x2);
HWY_EXPORT(winograd_forward_f4x4);

/// Those of the instruction set that runs.
template <int kTile>
WinogradForward functions() {
  return kTile == 2 ? HWY_DYNAMIC_DISPATCH(winograd_forward_f2x2)()
                    : HWY_DYNAMIC_DISPATCH(winograd_forward_f4x4)();
}

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_shape(p) && !p.prologue && !p.sums;
}

template <int kTile>
std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return functions<kTile>().prepared_bytes(p);
}

template <int kTile>
void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  functions<kTile>().prepare(p, weights.as<float>(), static_cast<float*>(prepared.data));
}

template <int kTile>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  if (p.y_size() == 0) return 0;
  return functions<kTile>().workspace_bytes(p);
}

template <int kTile>
void run(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() == 0) return;
  functions<kTile>().run(p, args);
}

template <int kTile>
double cost(const Conv2dProblem& p) {
  return winograd_cost(p, kTile);
}

template <int kTile>
Conv2dForwardVariant variant(const char* name) {
  return {.name = name,
          .supports = supports,
          .prepared_bytes = prepared_bytes<kTile>,
          .prepare = prepare<kTile>,
          .workspace_bytes = workspace_bytes<kTile>,
          .run = run<kTile>,
          .cost = cost<kTile>};
}

}  // namespace

Conv2dForwardVariant conv2d_forward_winograd_f2x2() { return variant<2>("winograd_f2x2"); }
Conv2dForwardVariant conv2d_forward_winograd_f4x4() { return variant<4>("winograd_f4x4"); }

}  // namespace tl::cpu
#endif
