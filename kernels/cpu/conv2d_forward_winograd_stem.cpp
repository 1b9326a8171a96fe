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
// So few channels fill no vector: here the lanes are tiles. Rows of x are transposed for that
// (winograd_stem_rows-inl.h), and the microkernel reads V as Columns, of any depth.
//
// A chunk is a few rows of tiles of one picture. It goes through them in blocks whose V, and whose
// M of one panel, stay in the second-level cache (winograd_stem_tiles-inl.h).
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_winograd_stem.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/cache_control.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/streaming.h"
#include "kernels/cpu/winograd_stem_tiles-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

std::int64_t stem_prepared_bytes(const Conv2dProblem& p) {
  return panels(p.c_out) * stem_panel_floats(p.c_in) * static_cast<std::int64_t>(sizeof(float));
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

/// U [panel][49][depth of the point][kPanel].
void stem_prepare(const Conv2dProblem& problem, const float* w, float* prepared) {
  const std::int64_t c_in = problem.c_in;
  parallel_for(panels(problem.c_out), [&](std::int64_t panel, int) {
    const std::int64_t width = std::min(kPanel, problem.c_out - panel * kPanel);
    const float* filters = w + panel * kPanel * kStemKernel * kStemKernel * c_in;
    float* u = prepared + panel * stem_panel_floats(c_in);
    zero_floats(u, stem_panel_floats(c_in));
    for (int point = 0; point < kStemPlane; ++point) {
      const int i = point / kStemPoints, j = point % kStemPoints;
      for (std::int64_t l = 0; l < depth_of(i, j, c_in); ++l, u += kPanel) {
        const auto phase = static_cast<int>(l / c_in);
        const int p = phase / phases_of(j), q = phase % phases_of(j);
        for (std::int64_t k = 0; k < width; ++k) {
          const float* taps = filters + k * kStemKernel * kStemKernel * c_in + l % c_in;
          u[k] = static_cast<float>(transform_stem_filter(taps, c_in, p, q, i, j));
        }
      }
    }
  });
}

/// How the tiles are cut.
struct StemBlocking {
  static constexpr std::int64_t kEnoughChunks = 16;

  std::int64_t tiles_h, tiles_w;
  std::int64_t image_chunks;  // of the rows of tiles of a picture
  std::int64_t row_blocks;    // of the tiles of a row
  std::int64_t rows_floats;   // of StemRows

  explicit StemBlocking(const Conv2dProblem& p)
      : tiles_h(divide_up(p.out_h(), kOutputs)),
        tiles_w(divide_up(p.out_w(), kOutputs)),
        image_chunks(std::clamp<std::int64_t>(kEnoughChunks / p.n, 1, tiles_h)),
        row_blocks(divide_up(tiles_w, kStemBlock)),
        rows_floats(align_floats(StemRows::floats(p, tiles_w))) {}

  std::int64_t worker_floats() const {
    return rows_floats + kStemPlane * (kVPointStep + kMPointStep);
  }
};

std::int64_t stem_workspace_bytes(const Conv2dProblem& p) {
  return StemBlocking(p).worker_floats() * thread_count() *
         static_cast<std::int64_t>(sizeof(float));
}

/// M of one panel of `tiles` tiles. Sums are so short that calling the inner loop itself, without
/// what panel_product does around it, saves a twentieth of the whole.
void multiply_stem_points(std::int64_t tiles, std::int64_t c_in, const float* v, const float* u,
                          float* m) {
  static_assert(4 * kMaxStemChannels <= kSumBlock);
  const Ahead ahead{u, kLeastLines, kPanel, nullptr, 0};
  for (int point = 0; point < kStemPlane; ++point) {
    const std::int64_t depth = depth_of(point / kStemPoints, point % kStemPoints, c_in);
    for_each_tile(tiles, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
      const TileOutput out{.y = m + first * kPanel, .step = kPanel};
      block_function<Columns>(count)(Columns{v + first, kVRowStep}, u, depth, nullptr, ahead, out);
    });
    v += kVPointStep;
    m += kMPointStep;
    u += depth * kPanel;
  }
}

void stem_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  const StemBlocking blocking(p);
  constexpr std::int64_t kFloatBytes = sizeof(float);
  StemOutput to = {args.y.as<float>(), p.bias ? args.bias.as<float>() : nullptr,
                   p.residual ? args.residual.as<float>() : nullptr, p.relu, false};
  if (kLanes * kFloatBytes == kLineBytes) {
    to.streams = is_streamed(to.y, p.c_out * kFloatBytes, p.y_size() * kFloatBytes);
  }
  parallel_for(p.n * blocking.image_chunks, [&](std::int64_t chunk, int worker) {
    float* memory = static_cast<float*>(args.workspace.data) + worker * blocking.worker_floats();
    float* v = memory + blocking.rows_floats;
    float* m = v + kStemPlane * kVPointStep;
    const std::int64_t image = chunk / blocking.image_chunks;
    const float* x = args.x.as<float>() + image * p.h * p.w * p.c_in;
    const Range tile_rows =
        part_of(blocking.tiles_h, blocking.image_chunks, chunk % blocking.image_chunks);
    StemRows rows(p, blocking.tiles_w, memory);
    std::int64_t next_row = tile_rows.begin * kStemRowStep;
    for (std::int64_t i = tile_rows.begin; i < tile_rows.end; ++i) {
      const std::int64_t first_row = i * kStemRowStep;
      for (; next_row < first_row + kStemRowsSeen; ++next_row) rows.load(x, next_row);
      for (std::int64_t block = 0; block < blocking.row_blocks; ++block) {
        const Range tiles = part_of(blocking.tiles_w, blocking.row_blocks, block);
        gather_stem_tiles(rows, first_row, tiles, p.c_in, v);
        for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
          const float* u =
              static_cast<const float*>(args.w.data) + panel * stem_panel_floats(p.c_in);
          multiply_stem_points(tiles.size(), p.c_in, v, u, m);
          scatter_stem_tiles(p, to, image, i, tiles, panel, m);
        }
      }
    }
    if (to.streams) hwy::FlushStream();
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
  return is_all_f32(p) && is_stem_shape(p) && !p.prologue && !p.sums;
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
