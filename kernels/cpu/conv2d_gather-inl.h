// gather_rows, gather_panels: the left matrix of a ConvProduct (conv2d_product.h), copied from x
// into the forms of the microkernel: DepthMajor16 where it is the left factor, panels where it is
// the right one (in the gradient of the filter, where pixels are what is summed over).
//
// Depth falls into runs that are consecutive in x as well: one row of taps where taps lie side by
// side, else one tap. Of each run some elements at both ends may lie outside of x: these are zero.
// Both forms are made of blocks, of 16 or kPanel elements. Where all runs consist of whole blocks,
// blocks are copied straight to their place; else a row is put together in a staging buffer first.
#if defined(TL_CPU_CONV2D_GATHER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_GATHER_INL_H_
#undef TL_CPU_CONV2D_GATHER_INL_H_
#else
#define TL_CPU_CONV2D_GATHER_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/conv2d_product.h"
#include "kernels/cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// The part of one run that a block of depth wants: elements [begin, end) of the run; those in
/// [inside_begin, inside_end) are in x, at x[offset + element].
struct Run {
  std::int64_t begin, end, inside_begin, inside_end, offset;
};

/// Calls f(Run) for the runs of one row that meet the depth [depth.begin, depth.end), in order.
template <class F>
HWY_INLINE void for_each_run(const ConvProduct& p, const GridPlace& place, Range depth,
                             const F& f) {
  const bool by_row = p.taps_are_neighbours();
  const std::int64_t taps_per_run = by_row ? p.taps_w : 1;
  const std::int64_t runs_per_row = by_row ? 1 : p.taps_w;
  const std::int64_t length = taps_per_run * p.channels;
  const std::int64_t h0 = place.i * p.step_h + p.origin_h;
  const std::int64_t w0 = place.j * p.step_w + p.origin_w;

  std::int64_t first = depth.begin / length;
  std::int64_t r = first / runs_per_row, s = first % runs_per_row;
  for (std::int64_t start = first * length; start < depth.end; start += length) {
    const std::int64_t h = h0 + r * p.tap_step_h, w = w0 + s * p.tap_step_w;
    Run run;
    run.begin = std::max<std::int64_t>(0, depth.begin - start);
    run.end = std::min(length, depth.end - start);
    const bool row_inside = h >= 0 && h < p.x_h;
    const std::int64_t taps_inside_end =
        row_inside ? std::clamp<std::int64_t>(p.x_w - w, 0, taps_per_run) : 0;
    run.inside_end = std::min(run.end, taps_inside_end * p.channels);
    run.inside_begin = std::max(
        run.begin,
        std::min(run.inside_end, std::clamp<std::int64_t>(-w, 0, taps_per_run) * p.channels));
    run.inside_end = std::max(run.inside_begin, run.inside_end);
    run.offset = ((place.image * p.x_h + h) * p.x_w + w) * p.x_pixel;
    f(run);
    if (++s == runs_per_row) {
      s = 0;
      ++r;
    }
  }
}

/// One row whose runs are whole blocks of kBlock elements: the first goes to `to`, each further one
/// `block_step` floats behind.
template <std::int64_t kBlock>
HWY_INLINE void gather_row_of_blocks(const ConvProduct& p, const GridPlace& place, Range depth,
                                     std::int64_t block_step, float* to) {
  for_each_run(p, place, depth, [&](const Run& run) HWY_ATTR {
    std::int64_t e = run.begin;
    for (; e < run.inside_begin; e += kBlock, to += block_step) zero_block<kBlock>(to);
    for (; e < run.inside_end; e += kBlock, to += block_step) {
      copy_block<kBlock>(p.x + run.offset + e, to);
    }
    for (; e < run.end; e += kBlock, to += block_step) zero_block<kBlock>(to);
  });
}

/// Copies `size` floats, in whole vectors where `readable` floats may be read: then up to a vector
/// past the end of `to` is written, too.
HWY_INLINE void copy_run(const float* from, std::int64_t size, std::int64_t readable, float* to) {
  const FloatTag d;
  if (round_up(size, kLanes) > readable) return copy_floats(from, to, size);
  for (std::int64_t i = 0; i < size; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
}

/// One row with runs of any length, consecutive into `staging`, which has a vector to spare.
HWY_INLINE void gather_row_flat(const ConvProduct& p, const GridPlace& place, Range depth,
                                float* staging) {
  for_each_run(p, place, depth, [&](const Run& run) HWY_ATTR {
    if (run.inside_begin > run.begin) zero_floats(staging, run.inside_begin - run.begin);
    if (run.inside_end > run.inside_begin) {
      const std::int64_t first = run.offset + run.inside_begin;
      copy_run(p.x + first, run.inside_end - run.inside_begin, p.x_floats() - first,
               staging + run.inside_begin - run.begin);
    }
    if (run.end > run.inside_end) {
      zero_floats(staging + run.inside_end - run.begin, run.end - run.inside_end);
    }
    staging += run.end - run.begin;
  });
}

/// The same for a whole row of the matrix that lies inside of x, away from its end, with one run
/// per row of taps: most rows of a network's first layer, whose short runs make every step count.
HWY_INLINE void gather_row_inside(const ConvProduct& p, const GridPlace& place, float* staging) {
  const FloatTag d;
  const std::int64_t length = p.taps_w * p.channels, x_row = p.x_w * p.x_pixel;
  const std::int64_t h = place.i * p.step_h + p.origin_h, w = place.j * p.step_w + p.origin_w;
  const float* from = p.x + ((place.image * p.x_h + h) * p.x_w + w) * p.x_pixel;
  for (std::int64_t r = 0; r < p.taps_h; ++r) {
    for (std::int64_t i = 0; i < length; i += kLanes) {
      hn::StoreU(hn::LoadU(d, from + i), d, staging + i);
    }
    from += p.tap_step_h * x_row;
    staging += length;
  }
}

/// Whether gather_row_inside may be used: it reads up to a vector past the last tap.
inline bool is_inside(const ConvProduct& p, const GridPlace& place) {
  const std::int64_t h = place.i * p.step_h + p.origin_h, w = place.j * p.step_w + p.origin_w;
  const std::int64_t last_h = h + (p.taps_h - 1) * p.tap_step_h;
  if (h < 0 || w < 0 || last_h >= p.x_h || w + p.taps_w > p.x_w) return false;
  const std::int64_t last_run = ((place.image * p.x_h + last_h) * p.x_w + w) * p.x_pixel;
  return last_run + p.taps_w * p.channels + kLanes <= p.x_floats();
}

/// Rows that are put together in the staging buffer before they are packed: loads that follow the
/// stores they depend on at some distance need not wait for them.
constexpr std::int64_t kStagedRows = 8;

/// Floats of the staging buffer.
inline std::int64_t staging_floats(std::int64_t depth) {
  return kStagedRows * align_floats(depth + kLanes);
}

/// Rows `rows` and depth `depth` as blocks of kBlock, each [rows][kBlock], block_step floats apart;
/// the last block is padded with zeros. depth.begin is a multiple of kBlock.
template <std::int64_t kBlock>
inline void gather_blocks(const ConvProduct& p, Range rows, Range depth, std::int64_t block_step,
                          float* staging, float* packed) {
  GridPlace place(p, rows.begin);
  if (p.channels % kBlock == 0) {
    for (std::int64_t i = 0; i < rows.size(); ++i, place.advance(p)) {
      gather_row_of_blocks<kBlock>(p, place, depth, block_step, packed + i * kBlock);
    }
    return;
  }
  const std::int64_t staging_step = align_floats(depth.size() + kLanes);
  const bool whole_rows = p.taps_are_neighbours() && depth.size() == p.depth();
  for (std::int64_t i = 0; i < rows.size(); i += kStagedRows) {
    const std::int64_t count = std::min(kStagedRows, rows.size() - i);
    for (std::int64_t j = 0; j < count; ++j, place.advance(p)) {
      float* row = staging + j * staging_step;
      if (whole_rows && is_inside(p, place)) {
        gather_row_inside(p, place, row);
      } else {
        gather_row_flat(p, place, depth, row);
      }
    }
    for (std::int64_t j = 0; j < count; ++j) {
      pack_row<kBlock>(staging + j * staging_step, depth.size(), block_step,
                       packed + (i + j) * kBlock);
    }
  }
}

/// As left factor: rows of the product, depth of the product; a DepthMajor16.
inline void gather_rows(const ConvProduct& p, Range rows, Range depth, std::int64_t block_step,
                        float* staging, float* packed) {
  gather_blocks<kDepthBlock>(p, rows, depth, block_step, staging, packed);
}

/// As right factor: its rows are summed over, its depth gives the columns.
inline void gather_panels(const ConvProduct& p, Range rows, Range depth, float* staging,
                          float* packed) {
  gather_blocks<kPanel>(p, rows, depth, rows.size() * kPanel, staging, packed);
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
