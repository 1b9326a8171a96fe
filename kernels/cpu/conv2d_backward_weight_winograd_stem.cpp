// conv2d.backward_weight "winograd_stem": 7x7 at stride 2 on 1 to 4 channels, as the transposed
// algorithm of the forward pass (conv2d_forward_winograd_stem.cpp):
//
//   V = transformed phases of x       49 matrices [depth, tiles]    depth: 4, 2 or 1 times c_in
//   Z = A dy A^T                      49 matrices [tiles, c_out]
//   D = V Z, point by point           49 matrices [depth, c_out]
//   dw = G^T D G, phase by phase
//
// The rows of tiles of all pictures fall into parts, which are the chunks; each goes through its
// rows in blocks of tiles, and D of the part, which stays in the second-level cache, gathers them
// up. The Ds are summed in the order of the parts.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_weight_winograd_stem.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_gradient-inl.h"
#include "kernels/cpu/winograd_stem_tiles-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// How the tiles are cut, and the layout of D [panel][49][depth of the point][kPanel].
struct StemWeightBlocking {
  static constexpr std::int64_t kMaxParts = 16;

  std::int64_t tiles_h, tiles_w;
  std::int64_t parts;       // of the rows of tiles of all pictures
  std::int64_t row_blocks;  // of the tiles of a row
  std::int64_t rows_floats, d_floats;

  explicit StemWeightBlocking(const Conv2dProblem& p)
      : tiles_h(divide_up(p.out_h(), kOutputs)),
        tiles_w(divide_up(p.out_w(), kOutputs)),
        parts(std::min(kMaxParts, p.n * tiles_h)),
        row_blocks(divide_up(tiles_w, kStemBlock)),
        rows_floats(align_floats(StemRows::floats(p, tiles_w))),
        d_floats(align_floats(panels(p.c_out) * stem_panel_floats(p.c_in))) {}

  std::int64_t worker_floats() const {
    return rows_floats + kStemPlane * (kVPointStep + kMPointStep);
  }
  std::int64_t workspace_floats() const {
    return parts * d_floats + thread_count() * worker_floats();
  }
};

std::int64_t stem_backward_weight_workspace_bytes(const Conv2dProblem& p) {
  return StemWeightBlocking(p).workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

/// Z [49][tile][kPanel] of one panel: `tiles` of row `tile_row` of the tiles of picture `image`.
void gather_stem_gradient(const Conv2dProblem& p, const float* dy, std::int64_t image,
                          std::int64_t tile_row, Range tiles, std::int64_t panel, float* z) {
  const auto transform = [](const Vec(&in)[kOutputs], Vec(&out)[kStemPoints])
                             HWY_ATTR { transform_outputs_gradient(in, out); };
  const std::int64_t out_h = p.out_h(), out_w = p.out_w(), i = tile_row * kOutputs;
  const std::int64_t first_channel = panel * kPanel;
  const std::int64_t width = std::min(kPanel, p.c_out - first_channel);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, z += kPanel) {
    const std::int64_t j = t * kOutputs;
    GradientTile tile = {dy + ((image * out_h + i) * out_w + j) * p.c_out + first_channel,
                         out_w * p.c_out, p.c_out, out_h - i, out_w - j};
    for (std::int64_t c = 0; c < width; c += kLanes, tile.pixel += kLanes) {
      transform_gradient<kStemPoints>(tile, transform, z + c, kMPointStep);
    }
  }
}

/// D of one panel gathers up `tiles` tiles; `first`: it holds nothing yet.
void accumulate_stem_points(std::int64_t tiles, std::int64_t c_in, const float* v, const float* z,
                            bool first, float* d) {
  for (int point = 0; point < kStemPlane; ++point) {
    const std::int64_t depth = depth_of(point / kStemPoints, point % kStemPoints, c_in);
    panel_product(depth, RowMajor{v, kVRowStep}, z, tiles,
                  {.y = d, .step = kPanel, .addend = first ? nullptr : d});
    v += kVPointStep;
    z += kMPointStep;
    d += depth * kPanel;
  }
}

/// D of the rows of tiles `rows_of_tiles`, counted over all pictures.
void accumulate_stem_rows(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args,
                          const StemWeightBlocking& blocking, Range rows_of_tiles, float* memory,
                          float* d) {
  float* v = memory + blocking.rows_floats;
  float* z = v + kStemPlane * kVPointStep;
  StemRows rows(p, blocking.tiles_w, memory);
  std::int64_t next_row = 0;
  for (std::int64_t at = rows_of_tiles.begin; at < rows_of_tiles.end; ++at) {
    const std::int64_t image = at / blocking.tiles_h, tile_row = at % blocking.tiles_h;
    const std::int64_t first_row = tile_row * kStemRowStep;
    if (at == rows_of_tiles.begin || tile_row == 0) next_row = first_row;
    const float* x = args.x.as<float>() + image * p.h * p.w * p.c_in;
    for (; next_row < first_row + kStemRowsSeen; ++next_row) rows.load(x, next_row);
    for (std::int64_t block = 0; block < blocking.row_blocks; ++block) {
      const Range tiles = part_of(blocking.tiles_w, blocking.row_blocks, block);
      gather_stem_tiles(rows, first_row, tiles, p.c_in, v);
      for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
        gather_stem_gradient(p, args.dy.as<float>(), image, tile_row, tiles, panel, z);
        accumulate_stem_points(tiles.size(), p.c_in, v, z, at == rows_of_tiles.begin && block == 0,
                               d + panel * stem_panel_floats(p.c_in));
      }
    }
  }
}

/// The first part's D gathers up the others.
void sum_stem_parts(const StemWeightBlocking& blocking, float* d) {
  constexpr std::int64_t kFloatsPerChunk = 8192;
  parallel_for(divide_up(blocking.d_floats, kFloatsPerChunk), [&](std::int64_t chunk, int) {
    const FloatTag tag;
    const std::int64_t begin = chunk * kFloatsPerChunk;
    const std::int64_t end = std::min(blocking.d_floats, begin + kFloatsPerChunk);
    for (std::int64_t i = begin; i < end; i += kLanes) {
      Vec sum = hn::LoadU(tag, d + i);
      for (std::int64_t part = 1; part < blocking.parts; ++part) {
        sum = hn::Add(sum, hn::LoadU(tag, d + part * blocking.d_floats + i));
      }
      hn::StoreU(sum, tag, d + i);
    }
  });
}

/// dw [c_out, 7, 7, c_in] of one row of taps, from D.
void transform_stem_taps(const Conv2dProblem& p, std::int64_t r, const float* d, float* dw) {
  const int phase_h = static_cast<int>(r % 2);
  for (int s = 0; s < kStemKernel; ++s) {
    const int phase_w = s % 2;
    for (std::int64_t c = 0; c < p.c_in; ++c) {
      for (std::int64_t co = 0; co < p.c_out; ++co) {
        const float* at = d + co / kPanel * stem_panel_floats(p.c_in) + co % kPanel;
        double sum = 0;
        for (int point = 0; point < kStemPlane; ++point) {
          const int i = point / kStemPoints, j = point % kStemPoints;
          if (phase_h < phases_of(i) && phase_w < phases_of(j)) {
            const std::int64_t l = (phase_h * phases_of(j) + phase_w) * p.c_in + c;
            sum += stem_weight(phase_h, i, static_cast<int>(r)) * stem_weight(phase_w, j, s) *
                   static_cast<double>(at[l * kPanel]);
          }
          at += depth_of(i, j, p.c_in) * kPanel;
        }
        dw[((co * kStemKernel + r) * kStemKernel + s) * p.c_in + c] = static_cast<float>(sum);
      }
    }
  }
}

void stem_backward_weight_run(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const StemWeightBlocking blocking(p);
  float* d = static_cast<float*>(args.workspace.data);
  float* memory = d + blocking.parts * blocking.d_floats;
  parallel_for(blocking.parts, [&](std::int64_t part, int worker) {
    accumulate_stem_rows(p, args, blocking, part_of(p.n * blocking.tiles_h, blocking.parts, part),
                         memory + worker * blocking.worker_floats(), d + part * blocking.d_floats);
  });
  sum_stem_parts(blocking, d);
  parallel_for(kStemKernel,
               [&](std::int64_t r, int) { transform_stem_taps(p, r, d, args.dw.as<float>()); });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(stem_backward_weight_workspace_bytes);
HWY_EXPORT(stem_backward_weight_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_stem_shape(p) && !p.prologue && p.y_size() > 0;
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(stem_backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  HWY_DYNAMIC_DISPATCH(stem_backward_weight_run)(p, args);
}

double cost(const Conv2dProblem& p) { return winograd_stem_cost(p); }

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_stem() {
  return {.name = "winograd_stem",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
