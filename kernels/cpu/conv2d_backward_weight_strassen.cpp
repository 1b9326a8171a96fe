// conv2d.backward_weight "strassen": 1x1 of any stride by Strassen's algorithm (strassen-inl.h).
//
//   dw[co, ci] = sum over pixels of dy[pixel, co] * x[pixel, ci]
//
// The depth are the pixels, taken block by block. Of each block, sums of dy are put together for
// half the channels of the chunk and as many again, then for each pair of panels those of x. Chunks
// are parts of the pixels x blocks of dw, as in "implicit_gemm".
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_weight_strassen.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_partials-inl.h"
#include "kernels/cpu/conv2d_strassen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kHalfBlock = 128;  // pixels
constexpr std::int64_t kChunkRows = 256, kChunkPairs = 512 / (2 * kPanel);
constexpr std::int64_t kMaxPartialFloats = std::int64_t{1} << 24;

/// How dw and the pixels are cut up.
struct WeightBlocking {
  std::int64_t rows, columns, pixels;  // c_out, c_in, n * out_h * out_w
  std::int64_t row_parts, pair_parts, pixel_parts;

  explicit WeightBlocking(const Conv2dProblem& p)
      : rows(p.c_out), columns(p.c_in), pixels(p.n * p.out_h() * p.out_w()) {
    constexpr std::int64_t kEnoughChunks = 32;
    row_parts = divide_up(rows, kChunkRows);
    pair_parts = divide_up(strassen_pairs(columns), kChunkPairs);
    pixel_parts = std::min({divide_up(kEnoughChunks, row_parts * pair_parts),
                            std::max<std::int64_t>(1, kMaxPartialFloats / (rows * columns)),
                            divide_up(pixels, 2 * kHalfBlock)});
  }

  std::int64_t chunks() const { return pixel_parts * row_parts * pair_parts; }
  std::int64_t partial_floats() const { return pixel_parts > 1 ? rows * columns : 0; }
  static std::int64_t row_sums() {
    return StrassenColumns(nullptr, kChunkRows / 2, kHalfBlock).floats();
  }
  static std::int64_t scratch_floats() { return row_sums() + strassen_pair_floats(2 * kHalfBlock); }
};

/// What one chunk adds up: some pixels, for a block of dw.
struct WeightChunk {
  std::int64_t part;  // of the pixels
  Range pixels, rows, pairs;

  WeightChunk(const WeightBlocking& blocking, std::int64_t i) {
    const std::int64_t blocks = blocking.row_parts * blocking.pair_parts, block = i % blocks;
    const Range channels =
        part_of(blocking.rows / kStrassenChannels, blocking.row_parts, block / blocking.pair_parts);
    part = i / blocks;
    pixels = part_of(blocking.pixels, blocking.pixel_parts, part);
    rows = {channels.begin * kStrassenChannels, channels.end * kStrassenChannels};
    pairs =
        part_of(strassen_pairs(blocking.columns), blocking.pair_parts, block % blocking.pair_parts);
  }
};

/// One chunk, whose operands are x as rows of `patches` and dy.
class WeightSum {
 public:
  WeightSum(const ConvProduct& patches, const float* dy, const WeightBlocking& blocking,
            const WeightChunk& chunk, float* scratch, float* dw)
      : patches_(patches),
        dy_(dy + chunk.rows.begin),
        blocking_(blocking),
        chunk_(chunk),
        scratch_(scratch),
        dw_(dw + chunk.rows.begin * blocking.columns) {}

  void run() const {
    const std::int64_t blocks = divide_up(chunk_.pixels.size(), 2 * kHalfBlock);
    for (std::int64_t i = 0; i < blocks; ++i) {
      const Range next = i + 1 < blocks ? part_of(chunk_.pixels, blocks, i + 1) : Range{};
      add_block(part_of(chunk_.pixels, blocks, i), next, i == 0);
    }
  }

 private:
  /// Pixel l of the first half of a block and of the second, whose last may not exist.
  template <class F>
  static void for_each_pixel(Range block, const F& f) {
    const std::int64_t half = divide_up(block.size(), 2);
    for (std::int64_t l = 0; l < half; ++l) {
      const std::int64_t second = block.begin + half + l;
      f(l, block.begin + l, second < block.end ? second : -1);
    }
  }

  void add_block(Range block, Range next, bool is_first) const {
    const std::int64_t half = divide_up(block.size(), 2);
    const StrassenColumns a(scratch_, chunk_.rows.size() / 2, half);
    for_each_pixel(block, [&](std::int64_t l, std::int64_t first, std::int64_t second) {
      a.combine(l, dy_ + first * blocking_.rows,
                second < 0 ? nullptr : dy_ + second * blocking_.rows);
    });
    for (std::int64_t pair = chunk_.pairs.begin; pair < chunk_.pairs.end; ++pair) {
      multiply_pair(a, block, pair, to_come(block, next, pair), is_first);
    }
  }

  void multiply_pair(const StrassenColumns& a, Range block, std::int64_t pair, Upcoming upcoming,
                     bool is_first) const {
    float* const seven = scratch_ + blocking_.row_sums();
    const std::int64_t column = 2 * pair * kPanel;
    for_each_pixel(block, [&](std::int64_t l, std::int64_t first, std::int64_t second) {
      combine_panel_row(strassen_row(patches_, first) + column,
                        second < 0 ? nullptr : strassen_row(patches_, second) + column, l, a.half,
                        seven);
    });
    TileOutput out{.y = dw_ + column, .step = blocking_.columns, .store = Store::kFetched};
    if (!is_first) out.addend = out.y;
    const std::int64_t groups = divide_up(a.rows, kStrassenRows);
    for (std::int64_t i = 0; i < groups; ++i) {
      const Range some = part_of(a.rows, groups, i);
      strassen_product(a.group(some), seven, out.from_row(some.begin),
                       out.from_row(a.rows + some.begin), some.size(), upcoming);
    }
  }

  /// While a pair of panels is multiplied: the columns of the next, and a part of the block of dy
  /// that comes next.
  Upcoming to_come(Range block, Range next, std::int64_t pair) const {
    const Range pixels = part_of(next, chunk_.pairs.size(), pair - chunk_.pairs.begin);
    const UpcomingRows of_dy = upcoming_rows(dy_ + pixels.begin * blocking_.rows,
                                             chunk_.rows.size(), blocking_.rows, pixels.size());
    if (!patches_.rows_are_pixels()) return Upcoming(of_dy);
    const bool is_last = pair + 1 == chunk_.pairs.end;
    const Range of = is_last ? next : block;
    const std::int64_t column = 2 * (is_last ? chunk_.pairs.begin : pair + 1) * kPanel;
    const UpcomingRows of_x = upcoming_rows(patches_.x + of.begin * patches_.x_pixel + column,
                                            2 * kPanel, patches_.x_pixel, of.size());
    return of_x.rows > 0 ? Upcoming(of_x, of_dy) : Upcoming(of_dy);
  }

  const ConvProduct& patches_;
  const float* dy_;
  const WeightBlocking& blocking_;
  const WeightChunk& chunk_;
  float* scratch_;
  float* dw_;
};

std::int64_t backward_weight_workspace_bytes(const Conv2dProblem& p) {
  const WeightBlocking blocking(p);
  return (blocking.pixel_parts * blocking.partial_floats() +
          blocking.scratch_floats() * thread_count()) *
         static_cast<std::int64_t>(sizeof(float));
}

void backward_weight_run(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const WeightBlocking blocking(p);
  const ConvProduct patches = patches_of_group(p, args.x.as<float>(), 0);
  float* partial = static_cast<float*>(args.workspace.data);
  float* scratch = partial + blocking.pixel_parts * blocking.partial_floats();
  float* dw = args.dw.as<float>();
  parallel_for(blocking.chunks(), [&](std::int64_t i, int worker) {
    const WeightChunk chunk(blocking, i);
    WeightSum(patches, args.dy.as<float>(), blocking, chunk,
              scratch + worker * blocking.scratch_floats(),
              blocking.pixel_parts > 1 ? partial + chunk.part * blocking.partial_floats() : dw)
        .run();
  });
  if (blocking.pixel_parts > 1) {
    add_partials(blocking.pixel_parts, blocking.partial_floats(), p.w_size(), partial, dw);
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

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && !p.prologue && is_strassen_shape(p) && p.y_size() > 0;
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  HWY_DYNAMIC_DISPATCH(backward_weight_run)(p, args);
}

double cost(const Conv2dProblem& p) { return strassen_weight_cost(p); }

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_strassen() {
  return {.name = "strassen",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
