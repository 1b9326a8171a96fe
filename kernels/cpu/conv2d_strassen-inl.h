// run_strassen: a ConvProduct (conv2d_product.h) of 1x1 by Strassen's algorithm (strassen-inl.h).
//
// A row of A is paired with one of the same picture, half a picture further down, so that a picture
// has the same result whatever else is in its batch. Chunks are a group of such pairs x pairs of
// panels; each puts together the sums of its rows. The filter is packed by pairs of panels:
// [pair][block of depth][sum of blocks][depth / 2][kPanel].
#if defined(TL_CPU_CONV2D_STRASSEN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_STRASSEN_INL_H_
#undef TL_CPU_CONV2D_STRASSEN_INL_H_
#else
#define TL_CPU_CONV2D_STRASSEN_INL_H_
#endif

#include "hwy/cache_control.h"
#include "kernels/cpu/conv2d_chunks-inl.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/strassen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

static_assert(kStrassenChannels % (2 * kPanel) == 0 && kStrassenChannels % kStrassenDepthStep == 0);

/// Pairs of panels.
inline std::int64_t strassen_pairs(std::int64_t columns) { return columns / (2 * kPanel); }

/// Rows that one chunk multiplies: `count` from `first` on, and as many from `second` on, but
/// perhaps the last.
struct StrassenGroup {
  std::int64_t first, second, count, second_count;
};

/// How a product is cut.
struct StrassenBlocking {
  std::int64_t pixels, half;  // rows of a picture; how far the two of a pair are apart
  std::int64_t parts;         // of half a picture
  ChunkGrid grid;             // parts of all pictures x parts of the pairs of panels

  explicit StrassenBlocking(const ConvProduct& p)
      : pixels(p.grid_h * p.grid_w),
        half(divide_up(pixels, 2)),
        parts(divide_up(half, kStrassenRows)),
        grid(cut_into_chunks(p.n * parts, strassen_pairs(p.columns), 1)) {}

  StrassenGroup group(std::int64_t part) const {
    const Range rows = part_of(half, parts, part % parts);
    const std::int64_t first = part / parts * pixels + rows.begin;
    return {first, first + half, rows.size(), std::min(rows.size(), pixels - half - rows.begin)};
  }
};

/// Sums of rows, for each thread.
inline std::int64_t strassen_rows_floats(const ConvProduct& p) {
  return StrassenRows{nullptr, kStrassenRows, std::min(p.depth(), kStrassenDepth) / 2}.floats();
}
inline std::int64_t strassen_workspace_floats(const ConvProduct& p) {
  return strassen_rows_floats(p) * thread_count();
}

/// Packs the filter of `columns` x `depth`: pack_half(column, depth, half, to) one half of one
/// panel.
template <class PackHalf>
inline void strassen_prepare(std::int64_t depth, std::int64_t columns, float* prepared,
                             const PackHalf& pack_half) {
  parallel_for(columns / (2 * kPanel), [&](std::int64_t pair, int) {
    float* to = prepared + pair * strassen_pair_floats(depth);
    for (std::int64_t l = 0; l < depth; l += kStrassenDepth) {
      const std::int64_t half = std::min(kStrassenDepth, depth - l) / 2;
      for (int right = 0; right < 2; ++right) {
        for (int lower = 0; lower < 2; ++lower) {
          pack_half((2 * pair + right) * kPanel, l + lower * half, half,
                    to + kStrassenQuarters[right][lower] * half * kPanel);
        }
      }
      combine_panels(to, half);
      to += strassen_pair_floats(2 * half);
    }
  });
}

/// Row `row` of the left matrix, in x.
inline const float* strassen_row(const ConvProduct& p, std::int64_t row) {
  const GridPlace at(p, row);
  return p.x + ((at.image * p.x_h + at.i * p.step_h) * p.x_w + at.j * p.step_w) * p.x_pixel;
}

/// What the chunk after next reads of x, where that lies side by side.
inline Upcoming strassen_rows_to_come(const ConvProduct& p, const StrassenGroup& group) {
  if (!p.rows_are_pixels()) return {};
  const auto rows = [&](std::int64_t first, std::int64_t count) {
    return upcoming_floats(p.x + first * p.x_pixel, count * p.x_pixel);
  };
  return Upcoming(rows(group.first, group.count), rows(group.second, group.second_count));
}

/// One block of depth of a group of rows, times the pairs of panels `some`; `next` is fetched with
/// the last two of them.
inline void multiply_group(const ConvProduct& p, const StrassenGroup& group, Range some,
                           Range depth, const Upcoming& next, float* sums) {
  const StrassenRows a{sums, group.count, depth.size() / 2};
  for (std::int64_t i = 0; i < group.count; ++i) {
    const float* first = strassen_row(p, group.first + i) + depth.begin;
    a.combine(i, first,
              i < group.second_count ? strassen_row(p, group.second + i) + depth.begin : nullptr);
  }
  const ConvEpilogue epilogue(p, depth);
  Upcoming upcoming;
  for (std::int64_t pair = some.begin; pair < some.end; ++pair) {
    if (pair == std::max(some.begin, some.end - 2)) upcoming = next;
    const TileOutput out = epilogue.output(2 * pair * kPanel);
    const float* w =
        p.w + pair * strassen_pair_floats(p.depth()) + strassen_pair_floats(depth.begin);
    strassen_product(a, w, out.from_row(group.first), out.from_row(group.second),
                     group.second_count, upcoming);
  }
  if (epilogue.streams) hwy::FlushStream();
}

/// Computes the whole product. `workspace`: strassen_workspace_floats(p).
inline void run_strassen(const ConvProduct& p, float* workspace) {
  const StrassenBlocking blocking(p);
  const ChunkGrid& grid = blocking.grid;
  const std::int64_t thread_floats = strassen_rows_floats(p);
  const int threads = thread_count();
  parallel_for(grid.chunks(), [&](std::int64_t chunk, int worker) {
    const std::int64_t part = chunk / grid.panel_parts, next = part + threads;
    const Range some =
        part_of(strassen_pairs(p.columns), grid.panel_parts, chunk % grid.panel_parts);
    Upcoming to_come;
    if (next < grid.row_parts) to_come = strassen_rows_to_come(p, blocking.group(next));
    for_each_depth_block(p, kStrassenDepth, [&](Range depth) {
      multiply_group(p, blocking.group(part), some, depth, to_come,
                     workspace + worker * thread_floats);
    });
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
