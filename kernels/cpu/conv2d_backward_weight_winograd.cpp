// conv2d.backward_weight "winograd_f3x3": 3x3, stride 1, as Winograd's F(3x3, 4x4). A tile of 4x4
// pixels of dy plays the filter, the patch of 6x6 pixels of x around it the input, and the 3x3
// results are summed over all tiles, which can be done before they are transformed back:
//
//   V = transformed patches of x      36 matrices [tiles, c_in]       panels of the microkernel
//   Z = transformed tiles of dy       36 matrices [tiles, c_out]
//   D = Z^T V, point by point         36 matrices [c_out, c_in]
//   dw = transformed D
//
// Two orders of the work; in both, tiles come in blocks, and D gathers up one after the other:
//
//   by parts   where D is small: the tiles fall into parts, each with a D of its own, and a chunk
//   is
//              a part: V and Z of its blocks stay with the thread that makes them. The Ds are
//              summed in the order of the parts.
//   by points  else: V and Z of a block are made in parallel, then the points are shared out.
//
// So the order of every sum is that of the tiles.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_weight_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

using Product = WinogradProduct<kOutputs>;
constexpr std::int64_t kPlane = Product::kPlane;

/// Which order is taken, its blocks, and the layout of V [36][panel][tile][kPanel],
/// Z [36][tile][c_out] and D [36][panel][c_out][kPanel].
struct WinogradWeightBlocking {
  static constexpr std::int64_t kPartFloats = 768 * 1024;  // for a part's D, at most
  static constexpr std::int64_t kPartTiles = 192;          // at least
  static constexpr std::int64_t kMaxParts = 16;
  static constexpr std::int64_t kPartBlockTiles = 64;
  static constexpr std::int64_t kBlockFloats = 5 * 1024 * 1024;  // for V and Z, by points

  std::int64_t parts = 1, blocks, block_tiles;  // blocks of each part
  std::int64_t v_point_step, z_point_step, d_point_step;

  WinogradWeightBlocking(const Product& p, std::int64_t c_out) {
    const std::int64_t padded_c_in = panels(p.c_in) * kPanel;
    d_point_step = odd_lines(c_out * padded_c_in);
    std::int64_t most = kPartBlockTiles;
    if (d_floats() <= kPartFloats) {
      parts = std::clamp<std::int64_t>(p.tiles() / kPartTiles, 1, kMaxParts);
    }
    if (parts == 1) {
      const std::int64_t fitting = kBlockFloats / (kPlane * (padded_c_in + c_out));
      most = std::clamp<std::int64_t>(fitting, 64, 256);
    }
    const std::int64_t part_tiles = divide_up(p.tiles(), parts);
    blocks = divide_up(part_tiles, most);
    block_tiles = divide_up(part_tiles, blocks);
    v_point_step = odd_lines(block_tiles * padded_c_in);
    z_point_step = odd_lines(block_tiles * c_out);
  }

  bool by_parts() const { return parts > 1; }
  std::int64_t v_floats() const { return kPlane * v_point_step; }
  std::int64_t z_floats() const { return kPlane * z_point_step; }
  std::int64_t d_floats() const { return kPlane * d_point_step; }
  std::int64_t workspace_floats() const {
    return parts * d_floats() + (by_parts() ? thread_count() : 1) * (v_floats() + z_floats());
  }
};

std::int64_t winograd_backward_weight_workspace_bytes(const Conv2dProblem& p) {
  return WinogradWeightBlocking(forward_tiles<kOutputs>(p), p.c_out).workspace_floats() *
         static_cast<std::int64_t>(sizeof(float));
}

/// G dy G^T of one tile and one vector of channels; pixels outside of dy are zero.
HWY_INLINE void transform_gradient(const float* dy, std::int64_t row_step, std::int64_t pixel_step,
                                   std::int64_t height, std::int64_t width, float* z,
                                   std::int64_t point_step) {
  const FloatTag d;
  Vec columns[kPoints][kOutputs];
#pragma GCC unroll 4
  for (int s = 0; s < kOutputs; ++s) {
    Vec in[kOutputs], out[kPoints];
#pragma GCC unroll 4
    for (int r = 0; r < kOutputs; ++r) {
      const bool inside = r < height && s < width;
      in[r] = inside ? hn::LoadU(d, dy + r * row_step + s * pixel_step) : hn::Zero(d);
    }
    transform_taps(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kPoints; ++i) {
    Vec out[kPoints];
    transform_taps(columns[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < kPoints; ++j) hn::StoreU(out[j], d, z + (i * kPoints + j) * point_step);
  }
}

/// Tiles `tiles` of dy into Z; tile t stands at z + (t - tiles.begin) * c_out.
void gather_gradient(const Product& p, const float* dy, Range tiles, float* z,
                     std::int64_t point_step) {
  TilePlace place(p, tiles.begin);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, place.advance(p)) {
    const float* corner = dy + ((place.image * p.y_h + place.i) * p.y_w + place.j) * p.c_out;
    for (std::int64_t c = 0; c < p.c_out; c += kLanes) {
      transform_gradient(corner + c, p.y_w * p.c_out, p.c_out, p.y_h - place.i, p.y_w - place.j,
                         z + (t - tiles.begin) * p.c_out + c, point_step);
    }
  }
}

/// D of one point gathers up `tiles` tiles.
void accumulate_point(const Product& p, std::int64_t tiles, const float* v, const float* z,
                      bool first, float* d) {
  for (std::int64_t panel = 0; panel < panels(p.c_in); ++panel) {
    for_each_tile(p.c_out, [&](std::int64_t row, std::int64_t count) HWY_ATTR {
      TileOutput out;
      out.y = d + (panel * p.c_out + row) * kPanel;
      out.step = kPanel;
      out.addend = first ? nullptr : out.y;
      tile_product(count, Columns{z + row, p.c_out}, v + panel * tiles * kPanel, tiles, out);
    });
  }
}

/// dw [c_out, 3, 3, c_in] of one output channel, from the Ds of all parts.
void transform_back(const Product& p, const WinogradWeightBlocking& blocking, std::int64_t co,
                    const float* d, float* dw) {
  const FloatTag tag;
  HWY_ALIGN float sums[kPlane * kLanes];
  for (std::int64_t ci = 0; ci < p.c_in; ci += kLanes) {
    const float* from = d + (ci / kPanel * p.c_out + co) * kPanel + ci % kPanel;
    for (std::int64_t point = 0; point < kPlane; ++point) {
      Vec sum = hn::LoadU(tag, from + point * blocking.d_point_step);
      for (std::int64_t part = 1; part < blocking.parts; ++part) {
        const float* other = from + part * blocking.d_floats() + point * blocking.d_point_step;
        sum = hn::Add(sum, hn::LoadU(tag, other));
      }
      hn::StoreU(sum, tag, sums + point * kLanes);
    }
    Vec taps[kTaps][kTaps];
    transform_products<kPoints>(sums, kLanes, taps);
    for (int r = 0; r < kTaps; ++r) {
      for (int s = 0; s < kTaps; ++s) {
        hn::StoreU(taps[r][s], tag, dw + ((co * kTaps + r) * kTaps + s) * p.c_in + ci);
      }
    }
  }
}

/// V and Z of tiles `part`, which is a piece of the block `tiles`.
void gather_block(const Product& p, const WinogradWeightBlocking& blocking, const float* dy,
                  Range tiles, Range part, float* v, float* z) {
  const std::int64_t begin = part.begin - tiles.begin;
  gather_tiles<kPanel>(p, part, v + begin * kPanel, tiles.size() * kPanel, blocking.v_point_step);
  gather_gradient(p, dy, part, z + begin * p.c_out, blocking.z_point_step);
}

void run_by_parts(const Product& p, const WinogradWeightBlocking& blocking, const float* dy,
                  float* d, float* scratch) {
  parallel_for(blocking.parts, [&](std::int64_t part, int worker) {
    const Range of_part = part_of(p.tiles(), blocking.parts, part);
    float* v = scratch + worker * (blocking.v_floats() + blocking.z_floats());
    float* z = v + blocking.v_floats();
    float* part_d = d + part * blocking.d_floats();
    for (std::int64_t block = 0; block < blocking.blocks; ++block) {
      Range tiles = part_of(of_part.size(), blocking.blocks, block);
      tiles = {of_part.begin + tiles.begin, of_part.begin + tiles.end};
      gather_block(p, blocking, dy, tiles, tiles, v, z);
      for (std::int64_t point = 0; point < kPlane; ++point) {
        accumulate_point(p, tiles.size(), v + point * blocking.v_point_step,
                         z + point * blocking.z_point_step, block == 0,
                         part_d + point * blocking.d_point_step);
      }
    }
  });
}

void run_by_points(const Product& p, const WinogradWeightBlocking& blocking, const float* dy,
                   float* d, float* scratch) {
  float* v = scratch;
  float* z = v + blocking.v_floats();
  for (std::int64_t block = 0; block < blocking.blocks; ++block) {
    const Range tiles = part_of(p.tiles(), blocking.blocks, block);
    parallel_for(divide_up(tiles.size(), kTilesPerChunk), [&](std::int64_t chunk, int) {
      gather_block(p, blocking, dy, tiles, tiles_of_chunk(tiles, chunk), v, z);
    });
    parallel_for(kPlane, [&](std::int64_t point, int) {
      accumulate_point(p, tiles.size(), v + point * blocking.v_point_step,
                       z + point * blocking.z_point_step, block == 0,
                       d + point * blocking.d_point_step);
    });
  }
}

void winograd_backward_weight_run(const Conv2dProblem& problem,
                                  const Conv2dBackwardWeightArgs& args) {
  Product p = forward_tiles<kOutputs>(problem);
  p.x = args.x.as<float>();
  const WinogradWeightBlocking blocking(p, p.c_out);
  float* d = static_cast<float*>(args.workspace.data);
  float* scratch = d + blocking.parts * blocking.d_floats();
  const float* dy = args.dy.as<float>();
  if (blocking.by_parts()) {
    run_by_parts(p, blocking, dy, d, scratch);
  } else {
    run_by_points(p, blocking, dy, d, scratch);
  }
  parallel_for(p.c_out, [&](std::int64_t co, int) {
    transform_back(p, blocking, co, d, args.dw.as<float>());
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_backward_weight_workspace_bytes);
HWY_EXPORT(winograd_backward_weight_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_shape(p) && !p.prologue && p.y_size() > 0;
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(winograd_backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  if (p.w_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(winograd_backward_weight_run)(p, args);
}

/// D is written, and read again for dw.
double cost(const Conv2dProblem& p) { return winograd_cost(p, 4, 2 * kFilterReadCost); }

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_winograd() {
  return {.name = "winograd_f3x3",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
