// What the ways through a ConvProduct (conv2d_product.h) have in common: chunks, blocks of depth,
// and where the result of one goes.
#if defined(TL_CPU_CONV2D_CHUNKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_CHUNKS_INL_H_
#undef TL_CPU_CONV2D_CHUNKS_INL_H_
#else
#define TL_CPU_CONV2D_CHUNKS_INL_H_
#endif

#include "kernels/cpu/conv2d_gather-inl.h"
#include "kernels/cpu/streaming.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// What rows and panels of one block of depth have in common.
struct ConvEpilogue {
  const ConvProduct& p;
  bool is_first, is_last;
  bool streams;  // past the caches

  ConvEpilogue(const ConvProduct& product, Range depth)
      : p(product), is_first(depth.begin == 0), is_last(depth.end == p.depth()) {
    const std::int64_t step_bytes = p.y_pixel * static_cast<std::int64_t>(sizeof(float));
    streams = is_last && p.y_is_dense() && is_streamed(p.y, step_bytes, p.rows() * step_bytes);
  }

  /// For columns from `column` on; y and addend at pixel 0.
  TileOutput output(std::int64_t column) const {
    const float* addend = is_first ? p.addend : p.y;
    return {.y = p.y + column,
            .step = p.y_pixel,
            .bias = is_first && p.bias ? p.bias + column : nullptr,
            .addend = addend ? addend + column : nullptr,
            .relu = is_last && p.relu,
            .store = streams ? Store::kStreamed : Store::kFetched};
  }
};

/// Calls f(Range) for every block of depth, of `size`; for depth 0, a pixel that no tap reaches,
/// with none.
template <class F>
inline void for_each_depth_block(const ConvProduct& p, std::int64_t size, const F& f) {
  for (std::int64_t l = 0; l == 0 || l < p.depth(); l += size) {
    f(Range{l, std::min(p.depth(), l + size)});
  }
}

/// Calls f(part of the rows, its Range, panels, worker) for every chunk, on all threads.
template <class F>
inline void for_each_chunk(const ConvProduct& p, const ChunkGrid& grid, const F& f) {
  parallel_for(grid.chunks(), [&](std::int64_t chunk, int worker) {
    const std::int64_t part = chunk / grid.panel_parts;
    f(part, part_of(p.rows(), grid.row_parts, part),
      part_of(panels(p.columns), grid.panel_parts, chunk % grid.panel_parts), worker);
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
