// GemmOperands: one matrix product of a batch, as rows of A and panels of B in the forms that
// panel_product reads (microkernel-inl.h).
#if defined(TL_CPU_GEMM_OPERANDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_GEMM_OPERANDS_INL_H_
#undef TL_CPU_GEMM_OPERANDS_INL_H_
#else
#define TL_CPU_GEMM_OPERANDS_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/pack-inl.h"
#include "kernels/cpu/streaming.h"
#include "kernels/gemm.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// Whether each matrix of the batch is one thread's work: below 4M multiply-adds.
inline bool side_by_side(const GemmProblem& p) {
  return p.batch > 1 && p.multiply_adds() / static_cast<double>(p.batch) < 4194304.0;
}

struct GemmOperands {
  const GemmProblem& p;
  const float *a, *b, *bias;
  float* y;

  GemmOperands(const GemmProblem& problem, const GemmArgs& args, std::int64_t t)
      : p(problem),
        a(args.a.as<float>() + t * p.m * p.k),
        b(args.b.as<float>() + t * p.k * p.n),
        bias(p.bias ? args.bias.as<float>() : nullptr),
        y(args.y.as<float>() + t * p.m * p.n) {}

  /// Packs the panels `some` and depth `depth` of op(b). Where rows of B are rows of panels, slices
  /// of depth go across panels, so that B is read in longer pieces than a panel's width.
  void pack_panels(Range some, Range depth, float* packed) const {
    const std::int64_t slice = p.trans_b ? depth.size() : kDepthBlock;
    const std::int64_t panel_floats = round_up(depth.size(), kDepthBlock) * kPanel;
    for (std::int64_t l = 0; l < depth.size(); l += slice) {
      const std::int64_t size = std::min(slice, depth.size() - l);
      for (std::int64_t panel = some.begin; panel < some.end; ++panel) {
        pack_panel_slice(panel, depth.begin + l, size,
                         packed + (panel - some.begin) * panel_floats + l * kPanel);
      }
    }
  }

  /// Where these panels are packed from.
  Upcoming panels_to_come(Range some, Range depth) const {
    const std::int64_t j = some.begin * kPanel, lines = some.size() * kPanel / kLineFloats;
    UpcomingRows of_b{b + depth.begin * p.n + j, p.n, depth.size(), lines};
    if (p.trans_b) {
      if (depth.size() < p.k) return {};
      of_b.from = b + j * p.k;
      of_b.step = of_b.slice_floats();
    }
    return Upcoming(of_b);
  }

  /// What is read of these rows; nothing where they do not lie side by side.
  Upcoming rows_to_come(Range rows, Range depth) const {
    if (p.trans_a || depth.size() < p.k) return {};
    return Upcoming(upcoming_floats(a + rows.begin * p.k, rows.size() * p.k));
  }

  /// Rows `rows` and depth `depth` of op(a) where they lie: which of the two, trans_a says.
  RowMajor rows_in_place(Range rows, Range depth) const {
    return {a + rows.begin * p.k + depth.begin, p.k};
  }
  Columns columns_in_place(Range rows, Range depth) const {
    return {a + depth.begin * p.m + rows.begin, p.m};
  }

  /// The same packed, by all threads; within a body, by this one. For rows the depth is a multiple
  /// of 16: they are packed where they lie whole pages apart.
  DepthMajor16 pack_rows(Range rows, Range depth, float* packed) const {
    const std::int64_t step = depth_block_step(rows.size());
    const RowMajor from = rows_in_place(rows, depth);
    parallel_for(rows.size(), [&](std::int64_t i, int) {
      pack_row<kDepthBlock>(from.from_row(i).data, depth.size(), step, packed + i * kDepthBlock);
    });
    return {packed, step};
  }
  Columns pack_columns(Range rows, Range depth, float* packed) const {
    const Columns from = columns_in_place(rows, depth);
    parallel_for(divide_up(depth.size(), kDepthBlock), [&](std::int64_t block, int) {
      const std::int64_t end = std::min(depth.size(), (block + 1) * kDepthBlock);
      for (std::int64_t l = block * kDepthBlock; l < end; ++l) {
        copy_floats(from.from_depth(l).data, packed + l * rows.size(), rows.size());
      }
    });
    return {packed, rows.size()};
  }

  /// Adds to y the product of rows `rows`, which are `x`, and a packed panel, both of depth
  /// `depth`; the first block of depth sets y. `upcoming` is fetched meanwhile.
  template <class Rows>
  void multiply(Range rows, Rows x, std::int64_t panel, Range depth, const float* packed,
                Upcoming& upcoming) const {
    const std::int64_t j = panel * kPanel;
    const TileOutput out = output(rows, panel, depth);
    panel_product(rows.size(), std::min(kPanel, p.n - j), x, packed, depth.size(), out, upcoming);
  }

  /// Where rows and a panel go, or some panels from this one on: the first block of depth sets y,
  /// with the bias, the others add to it.
  TileOutput output(Range rows, std::int64_t panel, Range depth) const {
    const std::int64_t j = panel * kPanel;
    TileOutput out{.y = y + rows.begin * p.n + j, .step = p.n, .store = store(depth)};
    if (depth.begin > 0) {
      out.addend = out.y;
    } else if (bias) {
      out.bias = bias + j;
    }
    return out;
  }

  /// How the last block of depth stores y, and the others.
  Store store(Range depth) const {
    const std::int64_t row_bytes = p.n * static_cast<std::int64_t>(sizeof(float));
    const bool streams = depth.end == p.k && is_streamed(y, row_bytes, p.m * row_bytes);
    return streams ? Store::kStreamed : Store::kFetched;
  }

 private:
  void pack_panel_slice(std::int64_t panel, std::int64_t first, std::int64_t size,
                        float* to) const {
    const std::int64_t j = panel * kPanel;
    const std::int64_t width = std::min(kPanel, p.n - j), padded = round_up(size, kDepthBlock);
    if (p.trans_b) {
      pack_panel_transposed(b + j * p.k + first, p.k, size, width, padded, to);
    } else {
      pack_panel(b + first * p.n + j, p.n, size, width, padded, to);
    }
  }
};

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
