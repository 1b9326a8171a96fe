// gemm "packed": the matrix product in blocks that stay in caches (Goto and van de Geijn, "Anatomy
// of High-Performance Matrix Multiplication", 2008).
//
//   for each block of columns (kBlockColumns), of depth (kBlockDepth) and of rows (kBlockRows):
//     all threads pack these blocks of A and B, in memory that all share
//     in chunks of rows x panels: for each panel and each tile of rows
//       tile_product                         microkernel-inl.h
//
// One panel of B is reused by all tiles of a chunk, a chunk's rows of A by all its panels; both fit
// the second-level cache together. Partial sums of the blocks of depth are added up in y, in order
// of depth. The bias enters with the first block.
//
// The matrices of a batch that are too small for several threads are multiplied side by side, each
// by one thread with packed buffers of its own: within a body, the loops below run alone.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_packed.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/blocking.h"
#include "kernels/cpu/gemm_variants.h"
#include "kernels/cpu/pack-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kBlockColumns = 4096;
constexpr std::int64_t kBlockDepth = 1024;
constexpr std::int64_t kBlockRows = 128 * kMaxRows;

/// Whether each matrix of the batch is one thread's work: below 4M multiply-adds.
bool side_by_side(const GemmProblem& p) {
  return p.batch > 1 && p.multiply_adds() / static_cast<double>(p.batch) < 4194304.0;
}

/// How the rows of one block are cut into parts: between tiles, so that none is left almost empty.
struct RowParts {
  static constexpr std::int64_t kTilesPerPart = 8;
  std::int64_t rows, tiles, parts;

  explicit RowParts(std::int64_t block_rows)
      : rows(block_rows),
        tiles(divide_up(rows, kMaxRows)),
        parts(divide_up(tiles, kTilesPerPart)) {}

  Range operator[](std::int64_t part) const {
    const Range some = part_of(tiles, parts, part);
    return {rows * some.begin / tiles, rows * some.end / tiles};
  }
};

/// Sizes of the packed buffers, in floats.
struct GemmBuffers {
  std::int64_t b, a_part, a;
  explicit GemmBuffers(const GemmProblem& p) {
    const std::int64_t depth = round_up(std::min(p.k, kBlockDepth), kDepthBlock);
    const std::int64_t rows = std::min(p.m, kBlockRows);
    b = align_floats(round_up(std::min(p.n, kBlockColumns), kPanel) * depth);
    a_part = (std::min(rows, RowParts::kTilesPerPart * kMaxRows) | 1) * depth;
    a = a_part * RowParts(rows).parts;
  }
};

std::int64_t gemm_workspace_bytes(const GemmProblem& p) {
  const GemmBuffers buffers(p);
  return (buffers.a + buffers.b) * (side_by_side(p) ? thread_count() : 1) *
         static_cast<std::int64_t>(sizeof(float));
}

/// Packs panel `panel` of columns `columns` and depth [first, first + size) of op(b).
void pack_slice_of_panel(const GemmProblem& p, const float* b, Range columns, std::int64_t panel,
                         std::int64_t first, std::int64_t size, float* to) {
  const std::int64_t j = columns.begin + panel * kPanel;
  const std::int64_t width = std::min(kPanel, columns.end - j);
  const std::int64_t padded = round_up(size, kDepthBlock);
  if (p.trans_b) {
    pack_panel_transposed(b + j * p.k + first, p.k, size, width, padded, to);
  } else {
    pack_panel(b + first * p.n + j, p.n, size, width, padded, to);
  }
}

/// Packs panels `panel_range` of columns `columns` and depth `depth` of op(b). Slices of depth go
/// across the panels, so that B is read in longer pieces than a panel's width.
void pack_panels(const GemmProblem& p, const float* b, Range columns, Range depth,
                 Range panel_range, float* packed) {
  const std::int64_t panel_floats = round_up(depth.size(), kDepthBlock) * kPanel;
  for (std::int64_t l = 0; l < depth.size(); l += kDepthBlock) {
    const std::int64_t size = std::min(kDepthBlock, depth.size() - l);
    for (std::int64_t panel = panel_range.begin; panel < panel_range.end; ++panel) {
      pack_slice_of_panel(p, b, columns, panel, depth.begin + l, size,
                          packed + panel * panel_floats + l * kPanel);
    }
  }
}

/// Multiplies packed rows by panels, into y (whose row 0 is the first of these rows and column 0
/// the first column of panel 0).
template <class Rows>
void multiply_block(const GemmProblem& p, Rows a, std::int64_t rows, const float* b,
                    std::int64_t depth, Range panel_range, std::int64_t columns, const float* bias,
                    bool first_depth, float* y) {
  const std::int64_t panel_size = round_up(depth, kDepthBlock) * kPanel;
  for (std::int64_t panel = panel_range.begin; panel < panel_range.end; ++panel) {
    const std::int64_t j = panel * kPanel;
    const std::int64_t width = std::min(kPanel, columns - j);
    const float* panel_bias = bias && first_depth ? bias + j : nullptr;
    panel_product(
        rows, width, a, b + panel * panel_size, depth,
        {.y = y + j, .step = p.n, .bias = panel_bias, .addend = first_depth ? nullptr : y + j});
  }
}

/// The buffers of matrix `t` of the batch.
struct Operands {
  const float *a, *b, *bias;
  float* y;
  Operands(const GemmProblem& p, const GemmArgs& args, std::int64_t t)
      : a(args.a.as<float>() + t * p.m * p.k),
        b(args.b.as<float>() + t * p.k * p.n),
        bias(p.bias ? args.bias.as<float>() : nullptr),
        y(args.y.as<float>() + t * p.m * p.n) {}
};

/// Packs rows `rows` and depth `depth` of op(a): as Columns where it is transposed, else as a
/// DepthMajor16.
void pack_rows(const GemmProblem& p, const float* a, Range rows, Range depth, float* packed) {
  if (p.trans_a) {
    for (std::int64_t l = 0; l < depth.size(); ++l) {
      copy_floats(a + (depth.begin + l) * p.m + rows.begin, packed + l * rows.size(), rows.size());
    }
    return;
  }
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    pack_row<kDepthBlock>(a + (rows.begin + i) * p.k + depth.begin, depth.size(),
                          depth_block_step(rows.size()), packed + i * kDepthBlock);
  }
}

/// Packed rows times the panels of `panel_range` of columns `columns`.
void multiply_chunk(const GemmProblem& p, const Operands& operands, Range rows, Range panel_range,
                    Range columns, Range depth, const float* packed_a, const float* packed_b) {
  const float* bias = p.bias ? operands.bias + columns.begin : nullptr;
  float* y = operands.y + rows.begin * p.n + columns.begin;
  if (p.trans_a) {
    multiply_block(p, Columns{packed_a, rows.size()}, rows.size(), packed_b, depth.size(),
                   panel_range, columns.size(), bias, depth.begin == 0, y);
  } else {
    multiply_block(p, DepthMajor16{packed_a, depth_block_step(rows.size())}, rows.size(), packed_b,
                   round_up(depth.size(), kDepthBlock), panel_range, columns.size(), bias,
                   depth.begin == 0, y);
  }
}

/// Calls f(columns, depth) for every block of B, in order.
template <class F>
void for_each_block(const GemmProblem& p, const F& f) {
  for (std::int64_t j = 0; j < p.n; j += kBlockColumns) {
    // k = 0 still gives one, empty, block: it writes the bias.
    for (std::int64_t l = 0; l == 0 || l < p.k; l += kBlockDepth) {
      f(Range{j, std::min(p.n, j + kBlockColumns)}, Range{l, std::min(p.k, l + kBlockDepth)});
    }
  }
}

/// One matrix of the batch.
void multiply(const GemmProblem& p, const Operands& operands, float* packed_b, float* packed_a) {
  constexpr std::int64_t kPanelsPacked = 4;  // per chunk
  constexpr std::int64_t kEnoughChunks = 32;
  const std::int64_t a_part = GemmBuffers(p).a_part;
  for_each_block(p, [&](Range columns, Range depth) {
    const std::int64_t all_panels = panels(columns.size());
    for (std::int64_t row = 0; row < p.m; row += kBlockRows) {
      const RowParts parts(std::min(p.m - row, kBlockRows));
      const auto rows_of = [&](std::int64_t part) {
        return Range{row + parts[part].begin, row + parts[part].end};
      };
      const std::int64_t b_chunks = row == 0 ? divide_up(all_panels, kPanelsPacked) : 0;
      parallel_for(b_chunks + parts.parts, [&](std::int64_t chunk, int) {
        if (const std::int64_t part = chunk - b_chunks; part >= 0) {
          return pack_rows(p, operands.a, rows_of(part), depth, packed_a + part * a_part);
        }
        const std::int64_t first = chunk * kPanelsPacked;
        pack_panels(p, operands.b, columns, depth,
                    {first, std::min(all_panels, first + kPanelsPacked)}, packed_b);
      });
      const std::int64_t panel_parts = std::min(all_panels, divide_up(kEnoughChunks, parts.parts));
      parallel_for(parts.parts * panel_parts, [&](std::int64_t chunk, int) {
        const std::int64_t part = chunk / panel_parts;
        multiply_chunk(p, operands, rows_of(part),
                       part_of(all_panels, panel_parts, chunk % panel_parts), columns, depth,
                       packed_a + part * a_part, packed_b);
      });
    }
  });
}

void gemm_run(const GemmProblem& p, const GemmArgs& args) {
  const GemmBuffers buffers(p);
  float* scratch = static_cast<float*>(args.workspace.data);
  if (!side_by_side(p)) {
    for (std::int64_t t = 0; t < p.batch; ++t) {
      multiply(p, Operands(p, args, t), scratch, scratch + buffers.b);
    }
    return;
  }
  // Tiny matrices in groups, so that handing them out does not count.
  constexpr double kEnoughWork = 65536;  // multiply-adds
  const double work = p.multiply_adds() / static_cast<double>(p.batch);
  const auto group = static_cast<std::int64_t>(std::max(1.0, kEnoughWork / std::max(1.0, work)));
  parallel_for(divide_up(p.batch, group), [&](std::int64_t chunk, int worker) {
    float* packed_b = scratch + worker * (buffers.b + buffers.a);
    for (std::int64_t t = chunk * group; t < std::min(p.batch, (chunk + 1) * group); ++t) {
      multiply(p, Operands(p, args, t), packed_b, packed_b + buffers.b);
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(gemm_workspace_bytes);
HWY_EXPORT(gemm_run);

bool supports(const GemmProblem& p) { return p.dtype == DType::f32; }

std::int64_t workspace_bytes(const GemmProblem& p) {
  return HWY_DYNAMIC_DISPATCH(gemm_workspace_bytes)(p);
}

void run(Stream, const GemmProblem& p, const GemmArgs& args) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  HWY_DYNAMIC_DISPATCH(gemm_run)(p, args);
}

double cost(const GemmProblem& p) { return p.multiply_adds(); }

}  // namespace

GemmVariant gemm_packed() {
  return {.name = "packed",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
