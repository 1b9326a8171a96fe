// conv2d.backward_weight "implicit_gemm": any kernel, stride, padding, dilation and groups.
//
//   dw[co, (r, s, ci)] = sum over pixels of dy[pixel, co] * patch[pixel, (r, s, ci)]
//
// A product whose depth are the pixels: dy is read where it lies (Columns: channels of one pixel
// are neighbours), patches are gathered into panels, block of pixels by block of pixels, and dw
// gathers up the partial sums. Chunks are parts of the pixels x blocks of dw; with more than one
// part of the pixels each part has a partial dw of its own in the workspace, and these are added in
// the order of the parts. A block of dw is small enough for the second-level cache.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_weight_implicit_gemm.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/amx_product-inl.h"
#include "kernels/cpu/conv2d_gather-inl.h"
#include "kernels/cpu/conv2d_partials-inl.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kBlockPixels = 128;
constexpr std::int64_t kRowsPerChunk = 256;
constexpr std::int64_t kMaxPartialFloats = std::int64_t{1} << 24;

/// On the matrix unit a transposed row of dy is good for more columns.
std::int64_t columns_per_chunk() { return matrix_unit_is_on() ? 512 : 256; }
std::int64_t enough_chunks() { return matrix_unit_is_on() ? 16 : 32; }

/// How one group's product is cut up.
struct WeightBlocking {
  std::int64_t rows, columns, pixels;  // c_out, kh * kw * c_in of the group; n * out_h * out_w
  std::int64_t row_parts, panel_parts, pixel_parts;
  std::int64_t partial_floats, scratch_floats;  // per pixel part; per worker

  explicit WeightBlocking(const Conv2dProblem& p)
      : rows(p.c_out / p.groups),
        columns(p.kh * p.kw * (p.c_in / p.groups)),
        pixels(p.n * p.out_h() * p.out_w()) {
    row_parts = divide_up(rows, kRowsPerChunk);
    panel_parts = divide_up(columns, columns_per_chunk());
    const std::int64_t affordable =
        std::max<std::int64_t>(1, kMaxPartialFloats / std::max<std::int64_t>(1, rows * columns));
    pixel_parts = std::min({divide_up(enough_chunks(), row_parts * panel_parts), affordable,
                            std::max<std::int64_t>(1, pixels / kBlockPixels)});
    partial_floats = pixel_parts > 1 ? align_floats(rows * columns) : 0;
    const std::int64_t chunk_columns = divide_up(panels(columns), panel_parts) * kPanel;
    scratch_floats = staging_floats(chunk_columns) + chunk_columns * kBlockPixels;
    if (matrix_unit_is_on()) {
      scratch_floats += UnitSums(divide_up(rows, row_parts), panels(chunk_columns)).floats() +
                        UnitScratch::pieces_floats(panels(chunk_columns), kBlockPixels);
    }
  }

  std::int64_t chunks() const { return pixel_parts * row_parts * panel_parts; }
};

std::int64_t backward_weight_workspace_bytes(const Conv2dProblem& p) {
  const WeightBlocking blocking(p);
  return (blocking.pixel_parts * blocking.partial_floats +
          blocking.scratch_floats * thread_count()) *
         static_cast<std::int64_t>(sizeof(float));
}

/// What one chunk adds up: some pixels, for a block of dw.
struct WeightChunk {
  std::int64_t part;  // of the pixels
  Range pixels, rows, panels;

  WeightChunk(const WeightBlocking& blocking, std::int64_t i) {
    const std::int64_t blocks = blocking.row_parts * blocking.panel_parts, block = i % blocks;
    part = i / blocks;
    pixels = part_of(blocking.pixels, blocking.pixel_parts, part);
    rows = part_of(blocking.rows, blocking.row_parts, block / blocking.panel_parts);
    panels = part_of(HWY_NAMESPACE::panels(blocking.columns), blocking.panel_parts,
                     block % blocking.panel_parts);
  }
};

/// What a block of pixels needs: these channels of dy and, where patches are pixels, of x.
Upcoming operands_to_come(const ConvProduct& patches, Range columns, const float* dy,
                          std::int64_t rows, std::int64_t dy_pixel, Range block) {
  const UpcomingRows of_dy =
      upcoming_rows(dy + block.begin * dy_pixel, rows, dy_pixel, block.size());
  if (!patches.rows_are_pixels()) return Upcoming(of_dy);
  const float* x = patches.x + block.begin * patches.x_pixel + columns.begin;
  return Upcoming(upcoming_rows(x, columns.size(), patches.x_pixel, block.size()), of_dy);
}

/// The chunk's part of dw [rows, columns].
void accumulate_chunk(const ConvProduct& patches, const WeightBlocking& blocking, const float* dy,
                      std::int64_t dy_pixel, const WeightChunk& chunk, float* scratch, float* dw) {
  const Range columns{chunk.panels.begin * kPanel,
                      std::min(blocking.columns, chunk.panels.end * kPanel)};
  float* staging = scratch;
  float* packed = scratch + staging_floats(chunk.panels.size() * kPanel);
  dw += chunk.rows.begin * blocking.columns;
  const std::int64_t blocks = divide_up(chunk.pixels.size(), kBlockPixels);
  for (std::int64_t i = 0; i < blocks; ++i) {
    const Range block = part_of(chunk.pixels, blocks, i);
    gather_panels(patches, block, columns, staging, packed);
    Upcoming upcoming;
    if (i + 1 < blocks) {
      upcoming = operands_to_come(patches, columns, dy + chunk.rows.begin, chunk.rows.size(),
                                  dy_pixel, part_of(chunk.pixels, blocks, i + 1));
    }
    const Columns a{dy + block.begin * dy_pixel + chunk.rows.begin, dy_pixel};
    for (std::int64_t j = columns.begin; j < columns.end; j += kPanel) {
      const float* panel = packed + (j - columns.begin) * block.size();
      const std::int64_t width = std::min(kPanel, columns.end - j);
      panel_product(chunk.rows.size(), width, a, panel, block.size(),
                    {.y = dw + j, .step = blocking.columns, .addend = i == 0 ? nullptr : dw + j},
                    upcoming);
    }
  }
}

/// The same on the matrix unit. So many blocks of pixels are summed up before dw is touched: more
/// would save little time, and round more.
constexpr std::int64_t kBlocksPerSum = 8;
void accumulate_chunk_on_unit(const ConvProduct& patches, const WeightBlocking& blocking,
                              const float* dy, std::int64_t dy_pixel, const WeightChunk& chunk,
                              float* scratch, float* dw) {
  const std::int64_t some = chunk.panels.size();
  const Range columns{chunk.panels.begin * kPanel,
                      std::min(blocking.columns, chunk.panels.end * kPanel)};
  const bool in_place = patches.rows_are_pixels() && columns.size() % kPanel == 0;
  UnitSums sums(chunk.rows.size(), some);
  sums.data = scratch;
  auto* const pieces = reinterpret_cast<std::uint16_t*>(scratch + sums.floats());
  float* const staging = scratch + sums.floats() + UnitScratch::pieces_floats(some, kBlockPixels);
  float* const packed = staging + staging_floats(some * kPanel);
  dw += chunk.rows.begin * blocking.columns;
  dy += chunk.rows.begin;
  const float* x = patches.x + columns.begin;
  const std::int64_t blocks = divide_up(chunk.pixels.size(), kBlockPixels);
  for (std::int64_t i = 0; i < blocks; ++i) {
    const Range block = part_of(chunk.pixels, blocks, i);
    if (in_place) {
      split_panels(x + block.begin * patches.x_pixel, patches.x_pixel, kPanel, some, block.size(),
                   pieces);
    } else {
      gather_panels(patches, block, columns, staging, packed);
      split_panels(packed, kPanel, block.size() * kPanel, some, block.size(), pieces);
    }
    Then then;
    if (i + 1 < blocks) {
      const Range next = part_of(chunk.pixels, blocks, i + 1);
      then[0] = {dy + next.begin * dy_pixel, next.size(), divide_up(chunk.rows.size(), kLineFloats),
                 dy_pixel};
      if (in_place) {
        then[1] = {x + next.begin * patches.x_pixel, next.size(), columns.size() / kLineFloats,
                   patches.x_pixel};
      }
    }
    const Columns a{dy + block.begin * dy_pixel, dy_pixel};
    accumulate_on_unit(sums, pieces, block.size(), i % kBlocksPerSum == 0, then,
                       [&](std::int64_t row, std::int64_t count, std::uint16_t* to) {
                         split_rows(a.from_row(row), count, block.size(), to);
                       });
    if (i + 1 < blocks && (i + 1) % kBlocksPerSum != 0) continue;
    TileOutput out{.y = dw + columns.begin, .step = blocking.columns};
    if (i >= kBlocksPerSum) out.addend = out.y;
    for (std::int64_t row = 0; row < chunk.rows.size(); ++row) {
      store_unit_row(sums.row(row), columns.size(), out, row * blocking.columns);
    }
  }
}

void backward_weight_run(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const WeightBlocking blocking(p);
  float* partial = static_cast<float*>(args.workspace.data);
  float* scratch = partial + blocking.pixel_parts * blocking.partial_floats;
  for (std::int64_t group = 0; group < p.groups; ++group) {
    const ConvProduct patches = patches_of_group(p, args.x.as<float>(), group);
    const float* dy = args.dy.as<float>() + group * blocking.rows;
    float* dw = args.dw.as<float>() + group * blocking.rows * blocking.columns;
    parallel_for(blocking.chunks(), [&](std::int64_t i, int worker) {
      const WeightChunk chunk(blocking, i);
      const auto accumulate = matrix_unit_is_on() ? accumulate_chunk_on_unit : accumulate_chunk;
      accumulate(patches, blocking, dy, p.c_out, chunk, scratch + worker * blocking.scratch_floats,
                 blocking.pixel_parts > 1 ? partial + chunk.part * blocking.partial_floats : dw);
    });
    if (blocking.pixel_parts > 1) {
      add_partials(blocking.pixel_parts, blocking.partial_floats, blocking.rows * blocking.columns,
                   partial, dw);
    }
  }
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(backward_weight_workspace_bytes);
HWY_EXPORT(backward_weight_run);

bool supports(const Conv2dProblem& p) { return is_all_f32(p) && !p.prologue; }

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  if (p.w_size() == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  if (p.w_size() == 0) return;
  if (p.y_size() == 0) {
    std::fill_n(args.dw.as<float>(), p.w_size(), 0.0f);
    return;
  }
  HWY_DYNAMIC_DISPATCH(backward_weight_run)(p, args);
}

double cost(const Conv2dProblem& p) { return implicit_gemm_cost(p); }

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_implicit_gemm() {
  return {.name = "implicit_gemm",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
