// run_on_unit: a ConvProduct (conv2d_product.h) on the matrix unit, by chunks of rows x panels.
// Rows are cut into pieces straight from x, a tap at a time; only where channels do not fill blocks
// of 32 they are gathered first. How it is cut does not show in the result.
#if defined(TL_CPU_CONV2D_UNIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_UNIT_INL_H_
#undef TL_CPU_CONV2D_UNIT_INL_H_
#else
#define TL_CPU_CONV2D_UNIT_INL_H_
#endif

#include "kernels/cpu/amx_product-inl.h"
#include "kernels/cpu/conv2d_chunks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

inline bool taps_are_whole_blocks(const ConvProduct& p) { return p.channels % amx::kBlock == 0; }

struct UnitConvBlocking {
  std::int64_t depth, panels_at_once, gathered_floats;
  ChunkGrid grid;
  bool streams_panels;
  std::int64_t chunk_rows;

  explicit UnitConvBlocking(const ConvProduct& p)
      : depth(unit_depth(p.depth())),
        panels_at_once(unit_panels(p.depth(), panels(p.columns))),
        gathered_floats(taps_are_whole_blocks(p)
                            ? 0
                            : staging_floats(depth) +
                                  depth_block_step(amx::kBlock) * divide_up(depth, kDepthBlock)),
        grid{1, std::min<std::int64_t>(thread_count(), panels(p.columns))} {
    const auto streams = [&] {
      return panels_stream(divide_up(divide_up(p.rows(), grid.row_parts), amx::kBlock),
                           divide_up(panels(p.columns), grid.panel_parts), p.depth());
    };
    if (!streams()) grid = unit_grid(divide_up(p.rows(), amx::kBlock), panels(p.columns));
    streams_panels = streams();
    chunk_rows = divide_up(p.rows(), grid.row_parts);
  }

  std::int64_t scratch_floats() const {
    if (!streams_panels) return UnitScratch::floats(panels_at_once, depth);
    return UnitRowPieces::floats(chunk_rows, depth) + round_up(chunk_rows, amx::kBlock) * kPanel;
  }
  std::int64_t of_thread() const { return scratch_floats() + gathered_floats; }
  std::int64_t workspace_floats() const { return of_thread() * thread_count(); }
};

/// 32 rows of patches, cut into pieces a part of their depth at a time.
class UnitPatches {
 public:
  UnitPatches(const ConvProduct& p, Range rows, Range depth, float* buffer)
      : p_(p),
        rows_(rows),
        depth_(depth),
        staging_(buffer),
        gathered_(buffer + staging_floats(depth.size())) {}

  /// What unit_product asks for.
  void split(std::int64_t row, std::int64_t count, std::int64_t l, std::int64_t length,
             std::uint16_t* to) {
    if (!taps_are_whole_blocks(p_)) return split_gathered(row, count, l, length, to);
    pixels_ = &pixels_of(row, count);
    for (std::int64_t end = depth_.begin + l + length; length > 0;) {
      const std::int64_t at = end - length, c = at % p_.channels;
      const std::int64_t size = std::min(length, p_.channels - c);
      const float* from[amx::kBlock];
      for (std::int64_t i = 0; i < count; ++i) from[i] = tap_of(i, at / p_.channels);
      split_rows(RowPointers{from, c}, count, size, to);
      to += size / amx::kBlock * amx::kBlockNumbers;
      length -= size;
    }
  }

  /// Where those of a single tap lie.
  amx::Soon soon(std::int64_t row, std::int64_t count) {
    if (p_.taps_h * p_.taps_w > 1 || !taps_are_whole_blocks(p_)) return {};
    const Pixels& next = pixels_of(row, count);
    return {p_.x + depth_.begin, count, divide_up(depth_.size(), kLineFloats), 0, next.offset};
  }

 private:
  /// The first tap of each row; its offset in x.
  struct Pixels {
    std::int64_t first = -1;
    std::int64_t h[amx::kBlock], w[amx::kBlock], offset[amx::kBlock];

    void find(const ConvProduct& p, std::int64_t row, std::int64_t first_row, std::int64_t count) {
      first = row;
      GridPlace place(p, first_row);
      for (std::int64_t i = 0; i < count; ++i, place.advance(p)) {
        h[i] = place.i * p.step_h + p.origin_h;
        w[i] = place.j * p.step_w + p.origin_w;
        offset[i] = ((place.image * p.x_h + h[i]) * p.x_w + w[i]) * p.x_pixel;
      }
    }
  };

  const Pixels& pixels_of(std::int64_t row, std::int64_t count) {
    Pixels& pixels = all_[row / amx::kBlock % 2];
    if (pixels.first != row) pixels.find(p_, row, rows_.begin + row, count);
    return pixels;
  }

  /// Zeros where the tap lies outside of x.
  const float* tap_of(std::int64_t i, std::int64_t tap) const {
    const std::int64_t r = tap / p_.taps_w * p_.tap_step_h, s = tap % p_.taps_w * p_.tap_step_w;
    const std::int64_t h = pixels_->h[i] + r, w = pixels_->w[i] + s;
    const auto is_in = [](std::int64_t at, std::int64_t size) {
      return static_cast<std::uint64_t>(at) < static_cast<std::uint64_t>(size);
    };
    if (!is_in(h, p_.x_h) || !is_in(w, p_.x_w)) return nullptr;
    return p_.x + pixels_->offset[i] + (r * p_.x_w + s) * p_.x_pixel;
  }

  void split_gathered(std::int64_t row, std::int64_t count, std::int64_t l, std::int64_t length,
                      std::uint16_t* to) {
    const DepthMajor16 patches{gathered_, depth_block_step(amx::kBlock)};
    if (l == 0 && length > 0) {
      const std::int64_t first = rows_.begin + row;
      gather_rows(p_, {first, first + count}, depth_, patches.block_step, staging_, gathered_);
    }
    split_rows(patches.from_depth(l), count, length, to);
  }

  const ConvProduct& p_;
  Range rows_, depth_;
  float *staging_, *gathered_;
  Pixels all_[2];  // of these rows and the next
  const Pixels* pixels_ = nullptr;
};

/// A block of the packed filter: some panels, some of their depth.
struct UnitFilter {
  Range panels, depth;
};

/// Calls f(block, the one after it) for all of them, depth by depth; after the last comes itself.
template <class F>
inline void for_each_unit_filter(const ConvProduct& p, const UnitConvBlocking& blocking,
                                 Range panel_range, const F& f) {
  const std::int64_t parts = divide_up(panel_range.size(), blocking.panels_at_once);
  const std::int64_t depth_step = std::max(kSumBlock, blocking.depth);
  const std::int64_t depth_parts = std::max<std::int64_t>(1, divide_up(p.depth(), depth_step));
  const auto block = [&](std::int64_t i) {
    const std::int64_t l = i / parts * depth_step;
    return UnitFilter{part_of(panel_range, parts, i % parts),
                      {l, std::min(p.depth(), l + depth_step)}};
  };
  for (std::int64_t i = 0; i < parts * depth_parts; ++i) {
    f(block(i), block(std::min(i + 1, parts * depth_parts - 1)));
  }
}

/// Where row `row` lies in y.
inline std::int64_t row_offset(const ConvProduct& p, std::int64_t row) {
  if (p.y_is_dense()) return row * p.y_pixel;
  const GridPlace place(p, row);
  return p.y_offset(place.image, place.i, place.j);
}

/// For few rows: they are cut into pieces once, and the filter streams by.
inline void stream_unit_chunk(const ConvProduct& p, const UnitConvBlocking& blocking, Range rows,
                              Range panel_range, float* workspace) {
  const std::int64_t panel_floats = round_up(p.depth(), kDepthBlock) * kPanel;
  float* const sums = workspace + UnitRowPieces::floats(rows.size(), blocking.depth);
  const amx::Tiles tiles;
  for_each_depth_block(p, std::max(kSumBlock, blocking.depth), [&](Range depth) {
    const ConvEpilogue epilogue(p, depth);
    UnitPatches patches(p, rows, depth, workspace + blocking.scratch_floats());
    const UnitRowPieces a{rows.size(), divide_up(depth.size(), amx::kBlock),
                          reinterpret_cast<std::uint16_t*>(workspace)};
    for (std::int64_t row = 0; row < a.rows; row += amx::kBlock) {
      for (std::int64_t l = 0; l < depth.size(); l += kSumBlock) {  // in the nearest cache
        patches.split(row, std::min(amx::kBlock, a.rows - row), l,
                      std::min(kSumBlock, depth.size() - l), a.at(row, l));
      }
    }
    const auto column = [&](std::int64_t i) { return (panel_range.begin + i) * kPanel; };
    const auto rows_of = [&](const float* y) {
      return amx::Soon{y, p.y_is_dense() ? a.rows : 0, kPanel / kLineFloats, p.y_pixel};
    };
    stream_panels(
        a, p.w + panel_range.begin * panel_floats + depth.begin * kPanel, panel_floats,
        panel_range.size(), depth.size(), [&](std::int64_t) { return sums; },
        [&](std::int64_t i) {
          const TileOutput out = epilogue.output(column(i)).at(row_offset(p, rows.begin));
          Then then;
          if (out.store == Store::kFetched) then[0] = rows_of(out.y);
          if (out.addend && out.addend != out.y) then[1] = rows_of(out.addend);
          return then;
        },
        [&](std::int64_t i) HWY_ATTR {
          const TileOutput out = epilogue.output(column(i));
          for (std::int64_t row = 0; row < a.rows; ++row) {
            store_unit_row(sums + row * kPanel, std::min(kPanel, p.columns - column(i)), out,
                           row_offset(p, rows.begin + row));
          }
        });
    if (epilogue.streams) hwy::FlushStream();
  });
}

inline void run_unit_chunk(const ConvProduct& p, const UnitConvBlocking& blocking, Range rows,
                           Range panel_range, float* workspace) {
  const UnitScratch scratch(workspace, blocking.panels_at_once, blocking.depth);
  const std::int64_t panel_floats = round_up(p.depth(), kDepthBlock) * kPanel;
  const auto filter_at = [&](const UnitFilter& filter) {
    return p.w + filter.panels.begin * panel_floats + filter.depth.begin * kPanel;
  };
  for_each_unit_filter(p, blocking, panel_range, [&](UnitFilter filter, UnitFilter next) {
    const ConvEpilogue epilogue(p, filter.depth);
    UnitPatches patches(p, rows, filter.depth, workspace + blocking.scratch_floats());
    split_panels(filter_at(filter), kPanel, panel_floats, filter.panels.size(), filter.depth.size(),
                 scratch.pieces);
    const std::int64_t column = filter.panels.begin * kPanel;
    unit_product(
        rows.size(), std::min(p.columns, filter.panels.end * kPanel) - column, filter.depth.size(),
        epilogue.output(column), scratch,
        {amx::Soon{filter_at(next), next.panels.size(), next.depth.size() * kPanel / kLineFloats,
                   panel_floats}},
        [&](auto... part) { patches.split(part...); },
        [&](auto... some_rows) { return patches.soon(some_rows...); },
        [&](std::int64_t row) { return row_offset(p, rows.begin + row); });
    if (epilogue.streams) hwy::FlushStream();
  });
}

inline void run_on_unit(const ConvProduct& p, float* workspace) {
  const UnitConvBlocking blocking(p);
  for_each_chunk(p, blocking.grid, [&](std::int64_t, Range rows, Range panel_range, int worker) {
    const auto run = blocking.streams_panels ? stream_unit_chunk : run_unit_chunk;
    run(p, blocking, rows, panel_range, workspace + worker * blocking.of_thread());
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
