// conv2d.forward "winograd_stem": the first convolution of a ResNet, 7x7 at stride 2 on 1 to 4
// channels, by Winograd's algorithm. Take x apart by the parity of row and column: on these four
// phases the stride is 1, and the filter has 4 taps in each even direction and 3 in each odd one.
//
//   y[i, j] = sum over p, q in {0, 1}, r, s, c of
//               x[2 (i + r) + p - pad_h, 2 (j + s) + q - pad_w, c] * w[2 r + p, 2 s + q, c]
//
// A tile of 4x4 outputs takes 7x7, 7x6, 6x7 and 6x6 points of the phases: 169 multiplications per
// channel instead of 784. The products of all phases are summed point by point
// (winograd_stem_transform-inl.h says why that is right):
//
//   V = transformed phases of x       49 matrices [depth, tiles]    depth: 4, 2 or 1 times c_in
//   U = transformed filter            49 matrices [depth, c_out]
//   M = V^T * U, point by point       49 matrices [tiles, c_out]
//   y = transformed M
//
// So few channels fill no vector. In V the lanes are tiles, for which rows of x are taken apart by
// column too (winograd_stem_rows-inl.h), and the microkernel reads V as Columns.
//
// A chunk is a few rows of tiles of one picture; it goes through them in blocks whose V, and whose
// M of one panel, stay in the second-level cache.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_winograd_stem.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/blocking.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_product-inl.h"
#include "kernels/cpu/winograd_stem_rows-inl.h"
#include "kernels/cpu/winograd_stem_transform-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr int kStemKernel = 7;
constexpr std::int64_t kStemPlane = kStemPoints * kStemPoints;

/// Phases that have point `i` of one dimension: the last one belongs to four taps only.
constexpr std::int64_t phases_of(int i) { return i < kPoints ? 2 : 1; }

/// Floats of U of one panel.
constexpr std::int64_t stem_panel_floats(std::int64_t c_in) {
  constexpr std::int64_t kPerDimension = kStemPoints + kPoints;
  return kPerDimension * kPerDimension * c_in * kPanel;
}

std::int64_t stem_prepared_bytes(const Conv2dProblem& p) {
  return panels(p.c_out) * stem_panel_floats(p.c_in) * static_cast<std::int64_t>(sizeof(float));
}

/// G of a phase at point i, for the tap that is `tap` in the whole filter.
double stem_weight(int phase, int i, int tap) {
  return phase == 0 ? kFourTaps[i][tap / 2] : kThreeTaps[i][tap / 2];
}

/// G w G^T at one point for one phase; w: taps of one pair of channels, `step` floats apart.
double transform_stem_filter(const float* w, std::int64_t step, int p, int q, int i, int j) {
  double sum = 0;
  for (int r = p; r < kStemKernel; r += 2) {
    for (int s = q; s < kStemKernel; s += 2) {
      sum += stem_weight(p, i, r) * stem_weight(q, j, s) *
             static_cast<double>(w[(r * kStemKernel + s) * step]);
    }
  }
  return sum;
}

/// U [panel][point][depth of the point][kPanel], depth in the order phase of h, phase of w,
/// channel.
void stem_prepare(const Conv2dProblem& problem, const float* w, float* prepared) {
  const std::int64_t c_in = problem.c_in;
  parallel_for(panels(problem.c_out), [&](std::int64_t panel, int) {
    const std::int64_t width = std::min(kPanel, problem.c_out - panel * kPanel);
    float* u = prepared + panel * stem_panel_floats(c_in);
    zero_floats(u, stem_panel_floats(c_in));
    for (int i = 0; i < kStemPoints; ++i) {
      for (int j = 0; j < kStemPoints; ++j) {
        for (int p = 0; p < phases_of(i); ++p) {
          for (int q = 0; q < phases_of(j); ++q) {
            for (std::int64_t c = 0; c < c_in; ++c, u += kPanel) {
              for (std::int64_t k = 0; k < width; ++k) {
                const float* taps = w + (panel * kPanel + k) * kStemKernel * kStemKernel * c_in + c;
                u[k] = static_cast<float>(transform_stem_filter(taps, c_in, p, q, i, j));
              }
            }
          }
        }
      }
    }
  });
}

/// How the tiles are cut, and the layout of V [49][depth][tile] and M [49][tile][kPanel].
struct StemBlocking {
  static constexpr std::int64_t kMaxBlockTiles = 28;
  static constexpr std::int64_t kEnoughChunks = 64;

  std::int64_t tiles_h, tiles_w;
  std::int64_t image_chunks;  // of rows of tiles
  std::int64_t row_blocks;    // of the tiles of a row
  std::int64_t v_row_step, v_point_step, m_point_step;

  explicit StemBlocking(const Conv2dProblem& p)
      : tiles_h(divide_up(p.out_h(), kOutputs)), tiles_w(divide_up(p.out_w(), kOutputs)) {
    image_chunks = std::clamp<std::int64_t>(kEnoughChunks / p.n, 1, tiles_h);
    row_blocks = divide_up(tiles_w, kMaxBlockTiles);
    const std::int64_t block_tiles = divide_up(tiles_w, row_blocks);
    v_row_step = round_up(block_tiles, kLanes);
    v_point_step = odd_lines(4 * p.c_in * v_row_step);
    m_point_step = odd_lines(block_tiles * kPanel);
  }

  std::int64_t rows_floats(const Conv2dProblem& p) const {
    return align_floats(PhaseRows::floats(p, tiles_w));
  }
  std::int64_t v_floats() const { return kStemPlane * v_point_step; }
  std::int64_t m_floats() const { return kStemPlane * m_point_step; }
  std::int64_t worker_floats(const Conv2dProblem& p) const {
    return rows_floats(p) + v_floats() + m_floats();
  }
};

std::int64_t stem_workspace_bytes(const Conv2dProblem& p) {
  return StemBlocking(p).worker_floats(p) * thread_count() *
         static_cast<std::int64_t>(sizeof(float));
}

/// B^T d B of one phase and channel for `tiles` tiles of a row from `first_tile` on: the phase that
/// has kH points in h and kW in w.
template <int kH, int kW>
void transform_phase(const PhaseRows& rows, std::int64_t first_row, std::int64_t first_tile,
                     std::int64_t tiles, std::int64_t c_in, std::int64_t channel,
                     const StemBlocking& blocking, float* v) {
  constexpr int kPhaseH = kH == kStemPoints ? 0 : 1, kPhaseW = kW == kStemPoints ? 0 : 1;
  const FloatTag d;
  for (std::int64_t t = 0; t < tiles; t += kLanes) {
    Vec columns[kH][kW];  // [point of h][s]
#pragma GCC unroll 7
    for (int s = 0; s < kW; ++s) {
      Vec in[kH], out[kH];
#pragma GCC unroll 7
      for (int r = 0; r < kH; ++r) {
        const std::int64_t row = first_row + 2 * r + kPhaseH;
        in[r] = hn::LoadU(d, rows.tiles(row, channel, kPhaseW, s) + first_tile + t);
      }
      transform_inputs(in, out);
#pragma GCC unroll 7
      for (int i = 0; i < kH; ++i) columns[i][s] = out[i];
    }
#pragma GCC unroll 7
    for (int i = 0; i < kH; ++i) {
      Vec out[kW];
      transform_inputs(columns[i], out);
#pragma GCC unroll 7
      for (int j = 0; j < kW; ++j) {
        const std::int64_t l = (kPhaseH * phases_of(j) + kPhaseW) * c_in + channel;
        hn::StoreU(out[j], d,
                   v + (i * kStemPoints + j) * blocking.v_point_step + l * blocking.v_row_step + t);
      }
    }
  }
}

/// M of one panel of `tiles` tiles.
void multiply_stem_points(std::int64_t tiles, std::int64_t c_in, const StemBlocking& blocking,
                          const float* v, const float* u, float* m) {
  for (int i = 0; i < kStemPoints; ++i) {
    for (int j = 0; j < kStemPoints; ++j) {
      const std::int64_t depth = phases_of(i) * phases_of(j) * c_in;
      for_each_tile(tiles, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
        TileOutput out;
        out.y = m + first * kPanel;
        out.step = kPanel;
        tile_product(count, Columns{v + first, blocking.v_row_step}, u, depth, out);
      });
      v += blocking.v_point_step;
      m += blocking.m_point_step;
      u += depth * kPanel;
    }
  }
}

/// A^T m A of one tile and one vector of channels.
HWY_INLINE void transform_stem_products(const float* m, std::int64_t point_step,
                                        Vec (&y)[kOutputs][kOutputs]) {
  const FloatTag d;
  Vec columns[kOutputs][kStemPoints];
#pragma GCC unroll 7
  for (int s = 0; s < kStemPoints; ++s) {
    Vec in[kStemPoints], out[kOutputs];
#pragma GCC unroll 7
    for (int r = 0; r < kStemPoints; ++r) {
      in[r] = hn::LoadU(d, m + (r * kStemPoints + s) * point_step);
    }
    transform_outputs(in, out);
#pragma GCC unroll 4
    for (int i = 0; i < kOutputs; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < kOutputs; ++i) transform_outputs(columns[i], y[i]);
}

/// What scatter_stem_tiles writes to, and the epilogue.
struct StemOutput {
  float* y;
  const float* bias;      // or null
  const float* residual;  // or null
  bool relu;
};

/// Products of one panel to the pixels of `tiles` tiles of a row, the first of which has its corner
/// at pixel (i, j) of picture `image`.
void scatter_stem_tiles(const Conv2dProblem& p, std::int64_t image, std::int64_t i, std::int64_t j,
                        std::int64_t tiles, std::int64_t panel, const float* m,
                        std::int64_t point_step, const StemOutput& to) {
  const FloatTag d;
  const std::int64_t out_h = p.out_h(), out_w = p.out_w();
  const std::int64_t first_channel = panel * kPanel;
  const std::int64_t width = std::min(kPanel, p.c_out - first_channel);
  const std::int64_t height = std::min<std::int64_t>(kOutputs, out_h - i);
  for (std::int64_t t = 0; t < tiles; ++t, j += kOutputs) {
    const std::int64_t length = std::min<std::int64_t>(kOutputs, out_w - j);
    const std::int64_t corner = ((image * out_h + i) * out_w + j) * p.c_out + first_channel;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const Vec bias = to.bias ? hn::LoadU(d, to.bias + first_channel + c) : hn::Zero(d);
      Vec y[kOutputs][kOutputs];
      transform_stem_products(m + t * kPanel + c, point_step, y);
#pragma GCC unroll 4
      for (int r = 0; r < kOutputs; ++r) {
        if (r >= height) break;
#pragma GCC unroll 4
        for (int s = 0; s < kOutputs; ++s) {
          if (s >= length) break;
          const std::int64_t offset = corner + (r * out_w + s) * p.c_out + c;
          Vec value = hn::Add(y[r][s], bias);
          if (to.residual) value = hn::Add(value, hn::LoadU(d, to.residual + offset));
          if (to.relu) value = relu(value);
          hn::StoreU(value, d, to.y + offset);
        }
      }
    }
  }
}

void stem_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  constexpr std::int64_t kRowsPerTile = 2 * kOutputs;                   // from tile to tile
  constexpr std::int64_t kRowsSeen = 2 * (kOutputs - 1) + kStemKernel;  // by a row of tiles
  const StemBlocking blocking(p);
  const StemOutput to = {args.y.as<float>(), p.bias ? args.bias.as<float>() : nullptr,
                         p.residual ? args.residual.as<float>() : nullptr, p.relu};
  parallel_for(p.n * blocking.image_chunks, [&](std::int64_t chunk, int worker) {
    float* memory = static_cast<float*>(args.workspace.data) + worker * blocking.worker_floats(p);
    float* v = memory + blocking.rows_floats(p);
    float* m = v + blocking.v_floats();
    const std::int64_t image = chunk / blocking.image_chunks;
    const float* x = args.x.as<float>() + image * p.h * p.w * p.c_in;
    const Range tile_rows =
        part_of(blocking.tiles_h, blocking.image_chunks, chunk % blocking.image_chunks);
    PhaseRows rows(p, blocking.tiles_w, memory);
    std::int64_t next_row = tile_rows.begin * kRowsPerTile;
    for (std::int64_t i = tile_rows.begin; i < tile_rows.end; ++i) {
      const std::int64_t first_row = i * kRowsPerTile;
      for (; next_row < first_row + kRowsSeen; ++next_row) rows.load(x, next_row);
      for (std::int64_t block = 0; block < blocking.row_blocks; ++block) {
        const Range tiles = part_of(blocking.tiles_w, blocking.row_blocks, block);
        for (std::int64_t c = 0; c < p.c_in; ++c) {
          const auto transform = [&](auto f) HWY_ATTR {
            f(rows, first_row, tiles.begin, tiles.size(), p.c_in, c, blocking, v);
          };
          transform(transform_phase<kStemPoints, kStemPoints>);
          transform(transform_phase<kStemPoints, kPoints>);
          transform(transform_phase<kPoints, kStemPoints>);
          transform(transform_phase<kPoints, kPoints>);
        }
        for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
          multiply_stem_points(
              tiles.size(), p.c_in, blocking, v,
              static_cast<const float*>(args.w.data) + panel * stem_panel_floats(p.c_in), m);
          scatter_stem_tiles(p, image, i * kOutputs, tiles.begin * kOutputs, tiles.size(), panel, m,
                             blocking.m_point_step, to);
        }
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

HWY_EXPORT(stem_prepared_bytes);
HWY_EXPORT(stem_prepare);
HWY_EXPORT(stem_workspace_bytes);
HWY_EXPORT(stem_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && p.kh == 7 && p.kw == 7 && p.stride_h == 2 && p.stride_w == 2 &&
         p.dilation_h == 1 && p.dilation_w == 1 && p.groups == 1 && p.c_in >= 1 && p.c_in <= 4 &&
         p.c_out > 0 && p.c_out % 16 == 0 && !p.prologue && !p.sums;
}

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(stem_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(stem_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  if (p.y_size() == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(stem_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(stem_run)(p, args);
}

double cost(const Conv2dProblem& p) { return winograd_stem_cost(p); }

}  // namespace

Conv2dForwardVariant conv2d_forward_winograd_stem() {
  return {.name = "winograd_stem",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
