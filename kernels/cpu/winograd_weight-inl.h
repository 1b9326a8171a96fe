// The gradient of the filter by Winograd's algorithm: what its variants share.
//
//   V = transformed patches of x      for each slice a matrix [tiles, c_in], in panels
//   Z = transformed tiles of dy       for each point a matrix [tiles, c_out]
//   D = Z^T V, slice by slice         for each slice a matrix [c_out, c_in]
//   dw = transformed D
//
// A slice is what one number of V is of a patch and a channel; a point is one of Z. At stride 1
// they are the same, at stride 2 a point has one slice or several. Two orders of the work; in both,
// tiles come in blocks, and D gathers up one after the other:
//
//   by parts    where D is small: the tiles fall into parts, each with a D of its own, and a chunk
//               is a part: V and Z of its blocks stay with the thread that makes them. The Ds are
//               summed in the order of the parts.
//   by points   else: V and Z of a block are made in parallel, then the points are shared out.
//               Where D would take much memory, one band of output channels follows the other.
//
// So the order of every sum is that of the tiles.
#if defined(TL_CPU_WINOGRAD_WEIGHT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_WEIGHT_INL_H_
#undef TL_CPU_WINOGRAD_WEIGHT_INL_H_
#else
#define TL_CPU_WINOGRAD_WEIGHT_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/microkernel-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

struct WinogradWeightShape {
  std::int64_t slices, points, tiles, c_in, c_out;
};

/// Which order is taken, its blocks, and the layout of V [slice][panel][tile][kPanel],
/// Z [point][tile][band_c_out] and D [slice][panel][band_c_out][kPanel].
struct WinogradWeightBlocking : WinogradWeightShape {
  static constexpr std::int64_t kPartFloats = 768 * 1024;  // of a part's D, at most
  static constexpr std::int64_t kPartTiles = 192;          // at least
  static constexpr std::int64_t kMaxParts = 16;
  static constexpr std::int64_t kPartBlockTiles = 64;
  static constexpr std::int64_t kBandFloats = 6 * 1024 * 1024;  // of a band's D, if c_out allows it
  static constexpr std::int64_t kBlockFloats = 5 * 1024 * 1024;  // of V and Z, by points

  std::int64_t parts = 1, bands = 1, band_c_out;
  std::int64_t blocks, block_tiles;     // of each part
  std::int64_t v_step, z_step, d_step;  // from slice to slice, from point to point

  explicit WinogradWeightBlocking(const WinogradWeightShape& shape)
      : WinogradWeightShape(shape), band_c_out(shape.c_out) {
    const std::int64_t padded_c_in = panels(c_in) * kPanel;
    while (slices * band_c_out * padded_c_in > kBandFloats && band_c_out % (2 * kPanel) == 0) {
      bands *= 2;
      band_c_out /= 2;
    }
    d_step = odd_lines(band_c_out * padded_c_in);
    std::int64_t most = kPartBlockTiles;
    if (d_floats() <= kPartFloats) {
      parts = std::clamp<std::int64_t>(tiles / kPartTiles, 1, kMaxParts);
    }
    if (!by_parts()) {
      const std::int64_t fitting = kBlockFloats / (slices * padded_c_in + points * band_c_out);
      most = std::clamp<std::int64_t>(fitting, 64, 256);
    }
    const std::int64_t part_tiles = divide_up(tiles, parts);
    blocks = divide_up(part_tiles, most);
    block_tiles = divide_up(part_tiles, blocks);
    v_step = odd_lines(block_tiles * padded_c_in);
    z_step = odd_lines(block_tiles * band_c_out);
  }

  bool by_parts() const { return parts > 1; }
  std::int64_t d_floats() const { return slices * d_step; }
  std::int64_t block_floats() const { return slices * v_step + points * z_step; }
  std::int64_t workspace_floats() const {
    return parts * d_floats() + (by_parts() ? thread_count() : 1) * block_floats();
  }
};

/// One block of tiles and output channels, and its buffers.
struct WinogradWeightBlock {
  Range tiles, channels;
  float* v;
  float* z;
  bool has_v = false;  // from the band before
};

/// D of one slice gathers up a block; `first`: D holds nothing yet.
inline void accumulate_slice(const WinogradWeightBlocking& blocking,
                             const WinogradWeightBlock& block, std::int64_t slice,
                             std::int64_t point, bool first, float* d) {
  const std::int64_t tiles = block.tiles.size(), c_out = blocking.band_c_out;
  const float* v = block.v + slice * blocking.v_step;
  const float* z = block.z + point * blocking.z_step;
  d += slice * blocking.d_step;
  for (std::int64_t panel = 0; panel < panels(blocking.c_in); ++panel) {
    float* y = d + panel * c_out * kPanel;
    panel_product(c_out, Columns{z, c_out}, v + panel * tiles * kPanel, tiles,
                  {.y = y, .step = kPanel, .addend = first ? nullptr : y});
  }
}

/// D of all parts and all tiles, at the start of the workspace, for one band of output channels.
/// `gather` and `for_each_slice`: see run_winograd_weight.
template <class Gather, class ForEachSlice>
void accumulate_band(const WinogradWeightBlocking& blocking, std::int64_t band, float* workspace,
                     const Gather& gather, const ForEachSlice& for_each_slice) {
  constexpr std::int64_t kTilesPerChunk = 4;
  float* d = workspace;
  float* scratch = d + blocking.parts * blocking.d_floats();
  const Range channels = {band * blocking.band_c_out, (band + 1) * blocking.band_c_out};
  const auto block_of = [&](Range part, std::int64_t i, float* buffer) {
    return WinogradWeightBlock{part_of(part, blocking.blocks, i), channels, buffer,
                               buffer + blocking.slices * blocking.v_step};
  };
  const auto accumulate = [&](const WinogradWeightBlock& block, std::int64_t point, bool first,
                              float* to) {
    for_each_slice(point, [&](std::int64_t slice) {
      accumulate_slice(blocking, block, slice, point, first, to);
    });
  };
  if (blocking.by_parts()) {
    parallel_for(blocking.parts, [&](std::int64_t part, int worker) {
      const Range tiles = part_of(blocking.tiles, blocking.parts, part);
      for (std::int64_t i = 0; i < blocking.blocks; ++i) {
        const auto block = block_of(tiles, i, scratch + worker * blocking.block_floats());
        gather(block, block.tiles);
        for (std::int64_t point = 0; point < blocking.points; ++point) {
          accumulate(block, point, i == 0, d + part * blocking.d_floats());
        }
      }
    });
    return;
  }
  for (std::int64_t i = 0; i < blocking.blocks; ++i) {
    auto block = block_of({0, blocking.tiles}, i, scratch);
    block.has_v = band > 0 && blocking.blocks == 1;
    parallel_for(divide_up(block.tiles.size(), kTilesPerChunk), [&](std::int64_t chunk, int) {
      const std::int64_t begin = block.tiles.begin + chunk * kTilesPerChunk;
      gather(block, Range{begin, std::min(block.tiles.end, begin + kTilesPerChunk)});
    });
    parallel_for(blocking.points,
                 [&](std::int64_t point, int) { accumulate(block, point, i == 0, d); });
  }
}

/// `gather(block, tiles)` writes V, unless the block has it, and Z of `tiles`, which are some of
/// the block's; `for_each_slice(point, f)` calls f(slice) for those of a point;
/// `transform_back(d, co, band_co)` makes dw of output channel `co` out of that of the band's D.
template <class Gather, class ForEachSlice, class TransformBack>
void run_winograd_weight(const WinogradWeightBlocking& blocking, float* workspace,
                         const Gather& gather, const ForEachSlice& for_each_slice,
                         const TransformBack& transform_back) {
  for (std::int64_t band = 0; band < blocking.bands; ++band) {
    accumulate_band(blocking, band, workspace, gather, for_each_slice);
    parallel_for(blocking.band_c_out, [&](std::int64_t band_co, int) {
      transform_back(workspace, band * blocking.band_c_out + band_co, band_co);
    });
  }
}

/// The sums over all parts for one output channel of the band and the vector of input channels at
/// `ci`, slice after slice.
inline void sum_parts(const WinogradWeightBlocking& blocking, const float* d, std::int64_t band_co,
                      std::int64_t ci, float* sums) {
  const FloatTag tag;
  d += (ci / kPanel * blocking.band_c_out + band_co) * kPanel + ci % kPanel;
  for (std::int64_t slice = 0; slice < blocking.slices; ++slice, d += blocking.d_step) {
    Vec sum = hn::LoadU(tag, d);
    for (std::int64_t part = 1; part < blocking.parts; ++part) {
      sum = hn::Add(sum, hn::LoadU(tag, d + part * blocking.d_floats()));
    }
    hn::StoreU(sum, tag, sums + slice * kLanes);
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
