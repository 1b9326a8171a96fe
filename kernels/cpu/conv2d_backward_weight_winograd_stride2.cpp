// conv2d.backward_weight "winograd_stride2": 3x3 at stride 2, as the transposed algorithm of the
// forward pass (winograd_stride2_transform-inl.h): the gradient of dy on 25 points times the phases
// of x, in 81 slices, and G^T of what that sums up to. winograd_weight-inl.h has the order of the
// work.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_weight_winograd_stride2.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_stride2_gradient-inl.h"
#include "kernels/cpu/winograd_weight-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

WinogradWeightBlocking blocking_of(const Conv2dProblem& p) {
  return WinogradWeightBlocking({kSlices, kPhasePlane, Stride2Product::tiles(p), p.c_in, p.c_out});
}

std::int64_t stride2_backward_weight_workspace_bytes(const Conv2dProblem& p) {
  return blocking_of(p).workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

/// The taps of one phase, G^T sums G, from [81][kLanes], into dw at one output channel and a vector
/// of input channels.
template <int kPhaseH, int kPhaseW>
void transform_phase_back(const float* sums, std::int64_t tap_step, float* dw) {
  constexpr int kH = points_of_phase(kPhaseH), kW = points_of_phase(kPhaseW);
  constexpr int kTapsH = taps_of_phase(kPhaseH), kTapsW = taps_of_phase(kPhaseW);
  const FloatTag d;
  Vec columns[kTapsH][kW];
  for (int j = 0; j < kW; ++j) {
    Vec in[kH], out[kTapsH];
    for (int i = 0; i < kH; ++i) {
      const int slice = first_slice(i, j) + kPhaseH * phases_at(j) + kPhaseW;
      in[i] = hn::Load(d, sums + slice * kLanes);
    }
    phase_taps_gradient(in, out);
    for (int r = 0; r < kTapsH; ++r) columns[r][j] = out[r];
  }
  for (int r = 0; r < kTapsH; ++r) {
    Vec out[kTapsW];
    phase_taps_gradient(columns[r], out);
    for (int s = 0; s < kTapsW; ++s) {
      hn::StoreU(out[s], d, dw + ((2 * r + kPhaseH) * 3 + 2 * s + kPhaseW) * tap_step);
    }
  }
}

/// One output channel of dw, [3, 3, c_in], from D of its band.
void transform_back(const WinogradWeightBlocking& blocking, std::int64_t band_co, const float* d,
                    float* dw) {
  HWY_ALIGN float sums[kSlices * kLanes];
  for (std::int64_t ci = 0; ci < blocking.c_in; ci += kLanes) {
    sum_parts(blocking, d, band_co, ci, sums);
    float* to = dw + ci;
    transform_phase_back<0, 0>(sums, blocking.c_in, to);
    transform_phase_back<0, 1>(sums, blocking.c_in, to);
    transform_phase_back<1, 0>(sums, blocking.c_in, to);
    transform_phase_back<1, 1>(sums, blocking.c_in, to);
  }
}

void stride2_backward_weight_run(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const WinogradWeightBlocking blocking = blocking_of(p);
  const Stride2Product product = {p, args.x.as<float>()};
  run_winograd_weight(
      blocking, static_cast<float*>(args.workspace.data),
      [&](const WinogradWeightBlock& block, Range tiles) {
        const std::int64_t at = tiles.begin - block.tiles.begin;
        const SliceLayout layout = {kPanel, block.tiles.size() * kPanel, blocking.v_step, 0};
        if (!block.has_v) gather_phases(product, tiles, layout, block.v + at * kPanel);
        gather_output_gradient(p, args.dy.as<float>(), tiles, block.channels, block.channels.size(),
                               0, blocking.z_step, block.z + at * block.channels.size());
      },
      [](std::int64_t point, const auto& f) {
        const int i = static_cast<int>(point) / kPhasePoints;
        const int j = static_cast<int>(point) % kPhasePoints;
        for (int slice = 0; slice < slices_at(i, j); ++slice) f(first_slice(i, j) + slice);
      },
      [&](const float* d, std::int64_t co, std::int64_t band_co) {
        transform_back(blocking, band_co, d, args.dw.as<float>() + co * kFilterTaps * p.c_in);
      });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(stride2_backward_weight_workspace_bytes);
HWY_EXPORT(stride2_backward_weight_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_stride2_shape(p) && !p.prologue && p.y_size() > 0;
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(stride2_backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  HWY_DYNAMIC_DISPATCH(stride2_backward_weight_run)(p, args);
}

/// The sums are written, and read again for dw.
double cost(const Conv2dProblem& p) { return winograd_stride2_cost(p, 16); }

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_stride2() {
  return {.name = "winograd_stride2",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
