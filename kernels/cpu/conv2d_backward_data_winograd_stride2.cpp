// conv2d.backward_data "winograd_stride2": 3x3 at stride 2, as the transposed algorithm of the
// forward pass (winograd_stride2_transform-inl.h):
//
//   Z = A dy A^T                     25 matrices [tiles, c_out]
//   U = transformed filter           81 matrices [c_out, c_in]
//   M = Z U, slice by slice          81 matrices [tiles, c_in]
//   dx = B M B^T, phase by phase     patches of 9x9 pixels
//
// Patches overlap by a row and a column: the first of a tile's is the last of the tile's before it.
// Of the last only the point infinity knows, with the factor 1, so a tile fetches that one number
// from its neighbour's M instead of adding to its neighbour's pixels. A chunk has whole pictures,
// for their tiles to be neighbours, and some panels of input channels; Z, and M of a panel, stay
// with the thread that makes them.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_data_winograd_stride2.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_stride2_gradient-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// Chunks, and the layout of Z [25][c_out / 16][tile][16] and M [81][tile][kPanel].
struct Stride2DataBlocking {
  static constexpr std::int64_t kEnoughTiles = 48;  // to read the filter for
  static constexpr std::int64_t kEnoughChunks = 16;

  std::int64_t picture_tiles, picture_parts, panel_parts;
  std::int64_t z_block_step, z_point_step, m_step;

  explicit Stride2DataBlocking(const Conv2dProblem& p)
      : picture_tiles(Stride2Product::tiles_h(p) * Stride2Product::tiles_w(p)) {
    picture_parts = divide_up(p.n, divide_up(kEnoughTiles, picture_tiles));
    panel_parts = std::clamp<std::int64_t>(kEnoughChunks / picture_parts, 1, panels(p.c_in));
    const std::int64_t tiles = divide_up(p.n, picture_parts) * picture_tiles;
    z_block_step = depth_block_step(tiles);
    z_point_step = odd_lines(p.c_out / kDepthBlock * z_block_step);
    m_step = odd_lines(tiles * kPanel);
  }

  std::int64_t z_floats() const { return kPhasePlane * z_point_step; }
  std::int64_t scratch_floats() const { return z_floats() + kSlices * m_step; }
};

std::int64_t stride2_backward_data_prepared_bytes(const Conv2dProblem& p) {
  return stride2_filter_floats(p.c_out, p.c_in) * static_cast<std::int64_t>(sizeof(float));
}

void stride2_backward_data_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  prepare_stride2_filter(
      p.c_out, p.c_in, prepared, [&](std::int64_t panel, std::int64_t co, float* taps) {
        const std::int64_t ci = panel * kPanel, width = std::min(kPanel, p.c_in - ci);
        for (std::int64_t tap = 0; tap < kFilterTaps; ++tap) {
          pack_panel(w + (co * kFilterTaps + tap) * p.c_in + ci, kFilterTaps * p.c_in, kDepthBlock,
                     width, kDepthBlock, taps + tap * kDepthBlock * kPanel);
        }
      });
}

std::int64_t stride2_backward_data_workspace_bytes(const Conv2dProblem& p) {
  return Stride2DataBlocking(p).scratch_floats() * thread_count() *
         static_cast<std::int64_t>(sizeof(float));
}

/// One tile's products in one vector of channels, and those of the tiles before it; null: none.
struct TileProducts {
  const float* own;
  const float* above;
  const float* left;
  const float* above_left;
  std::int64_t step;  // from slice to slice
};

/// B m of column `j` of one phase; where rows overlap, with what the tile above has for the first.
template <int kPhaseH, int kPhaseW>
HWY_INLINE void transform_column(const float* own, const float* above, std::int64_t step, int j,
                                 Vec (&column)[points_of_phase(kPhaseH)]) {
  const FloatTag d;
  constexpr int kH = points_of_phase(kPhaseH);
  Vec in[kH];
#pragma GCC unroll 5
  for (int i = 0; i < kH; ++i) {
    const int slice = first_slice(i, j) + kPhaseH * phases_at(j) + kPhaseW;
    in[i] = hn::LoadU(d, own + slice * step);
  }
  phase_inputs_gradient(in, column);
  if (kPhaseH == 0 && above) {
    const int slice = first_slice(kPhasePoints - 1, j) + kPhaseW;
    column[0] = hn::Add(column[0], hn::LoadU(d, above + slice * step));
  }
}

/// The pixels of one phase of a patch: `store(r, s, value)` for row r and column s of it.
template <int kPhaseH, int kPhaseW, class Store>
HWY_INLINE void transform_phase_gradient(const TileProducts& m, const Store& store) {
  constexpr int kH = points_of_phase(kPhaseH), kW = points_of_phase(kPhaseW);
  Vec rows[kH][kW], from_left[kH];
#pragma GCC unroll 5
  for (Vec& row : from_left) row = hn::Zero(FloatTag());
#pragma GCC unroll 5
  for (int j = 0; j < kW; ++j) {
    Vec column[kH];
    transform_column<kPhaseH, kPhaseW>(m.own, m.above, m.step, j, column);
#pragma GCC unroll 5
    for (int i = 0; i < kH; ++i) rows[i][j] = column[i];
  }
  if (kPhaseW == 0 && m.left) {
    transform_column<kPhaseH, kPhaseW>(m.left, m.above_left, m.step, kPhasePoints - 1, from_left);
  }
#pragma GCC unroll 5
  for (int i = 0; i < kH; ++i) {
    Vec pixels[kW];
    phase_inputs_gradient(rows[i], pixels);
    if (kPhaseW == 0) pixels[0] = hn::Add(pixels[0], from_left[i]);
#pragma GCC unroll 5
    for (int j = 0; j < kW; ++j) store(2 * i + kPhaseH, 2 * j + kPhaseW, pixels[j]);
  }
}

/// dx of `tiles` and the channels of one panel: tile t's products stand at
/// m + (t - tiles.begin) * kPanel.
void scatter_gradient(const Conv2dProblem& p, const Stride2DataBlocking& blocking, Range tiles,
                      std::int64_t panel, const float* m, float* dx) {
  const FloatTag d;
  const std::int64_t width = std::min(kPanel, p.c_in - panel * kPanel);
  const std::int64_t row_tiles = Stride2Product::tiles_w(p);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, m += kPanel) {
    const Stride2Tile tile(p, t);
    const std::int64_t h = 2 * tile.i - p.pad_h, w = 2 * tile.j - p.pad_w;
    // The last row and column are the next tile's, where there is one.
    const std::int64_t end_h = tile.i + kPhaseOutputs < p.out_h() ? h + kPatch - 1 : p.h;
    const std::int64_t end_w = tile.j + kPhaseOutputs < p.out_w() ? w + kPatch - 1 : p.w;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const float* own = m + c;
      TileProducts products = {own, nullptr, nullptr, nullptr, blocking.m_step};
      if (tile.i > 0) products.above = own - row_tiles * kPanel;
      if (tile.j > 0) products.left = own - kPanel;
      if (tile.i > 0 && tile.j > 0) products.above_left = own - (row_tiles + 1) * kPanel;
      float* to = dx + ((tile.image * p.h + h) * p.w + w) * p.c_in + panel * kPanel + c;
      const auto store = [&](int r, int s, Vec value) HWY_ATTR {
        if (h + r < 0 || h + r >= end_h || w + s < 0 || w + s >= end_w) return;
        float* pixel = to + (r * p.w + s) * p.c_in;
        hn::StoreU(p.accumulate ? hn::Add(value, hn::LoadU(d, pixel)) : value, d, pixel);
      };
      transform_phase_gradient<0, 0>(products, store);
      transform_phase_gradient<0, 1>(products, store);
      transform_phase_gradient<1, 0>(products, store);
      transform_phase_gradient<1, 1>(products, store);
    }
  }
}

/// M of one panel for `tiles` tiles.
void multiply_slices(const Conv2dProblem& p, const Stride2DataBlocking& blocking,
                     std::int64_t tiles, const float* z, const float* u, float* m) {
  for (int point = 0; point < kPhasePlane; ++point) {
    const int i = point / kPhasePoints, j = point % kPhasePoints;
    const DepthMajor16 a{z + point * blocking.z_point_step, blocking.z_block_step};
    for (int s = 0; s < slices_at(i, j); ++s) {
      const std::int64_t slice = first_slice(i, j) + s;
      panel_product(tiles, a, u + slice * p.c_out * kPanel, p.c_out,
                    {.y = m + slice * blocking.m_step, .step = kPanel});
    }
  }
}

void stride2_backward_data_run(const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  const Stride2DataBlocking blocking(p);
  const float* u = static_cast<const float*>(args.w.data);
  float* workspace = static_cast<float*>(args.workspace.data);
  const std::int64_t chunks = blocking.picture_parts * blocking.panel_parts;
  parallel_for(chunks, [&](std::int64_t chunk, int worker) {
    const Range pictures = part_of(p.n, blocking.picture_parts, chunk / blocking.panel_parts);
    const Range of_panels =
        part_of(panels(p.c_in), blocking.panel_parts, chunk % blocking.panel_parts);
    const Range tiles = {pictures.begin * blocking.picture_tiles,
                         pictures.end * blocking.picture_tiles};
    float* z = workspace + worker * blocking.scratch_floats();
    float* m = z + blocking.z_floats();
    gather_output_gradient(p, args.dy.as<float>(), tiles, {0, p.c_out}, kDepthBlock,
                           blocking.z_block_step, blocking.z_point_step, z);
    for (std::int64_t panel = of_panels.begin; panel < of_panels.end; ++panel) {
      multiply_slices(p, blocking, tiles.size(), z, u + panel * kSlices * p.c_out * kPanel, m);
      scatter_gradient(p, blocking, tiles, panel, m, args.dx.as<float>());
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(stride2_backward_data_prepared_bytes);
HWY_EXPORT(stride2_backward_data_prepare);
HWY_EXPORT(stride2_backward_data_workspace_bytes);
HWY_EXPORT(stride2_backward_data_run);

/// Without padding, a last row or column may belong to no patch. Larger pictures would take too
/// much memory per thread.
bool supports(const Conv2dProblem& p) {
  constexpr std::int64_t kMostOutputs = 256 * 256;
  return is_all_f32(p) && is_winograd_stride2_shape(p) && p.pad_h >= 1 && p.pad_w >= 1 &&
         p.y_size() > 0 && p.out_h() * p.out_w() <= kMostOutputs;
}

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(stride2_backward_data_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(stride2_backward_data_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(stride2_backward_data_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  HWY_DYNAMIC_DISPATCH(stride2_backward_data_run)(p, args);
}

double cost(const Conv2dProblem& p) { return winograd_stride2_cost(p, 8); }

}  // namespace

Conv2dBackwardDataVariant conv2d_backward_data_winograd_stride2() {
  return {.name = "winograd_stride2",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
