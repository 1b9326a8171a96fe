// gemm "packed": the matrix product in blocks that stay in caches (Goto and van de Geijn, "Anatomy
// of High-Performance Matrix Multiplication", 2008).
//
//   for each block of columns (kBlockColumns) and block of depth (kBlockDepth):
//     all threads pack that block of B into panels, in memory that all share
//     in chunks of rows x panels: pack the rows of A, then for each panel and each tile of rows
//       tile_product                         microkernel-inl.h
//
// One panel of B is reused by all tiles of the chunk, the packed rows of A by all panels; both fit
// the second-level cache together. Partial sums of the blocks of depth are added up in y, in order
// of depth. The bias enters with the first block.
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
constexpr std::int64_t kBlockDepth = 512;
constexpr std::int64_t kBlockRows = 16 * kMaxRows;

/// Sizes of the two packed buffers, in floats.
struct GemmBuffers {
  std::int64_t b, a_per_worker;
  explicit GemmBuffers(const GemmProblem& p) {
    const std::int64_t depth = round_up(std::min(p.k, kBlockDepth), kDepthBlock);
    b = round_up(std::min(p.n, kBlockColumns), kPanel) * depth;
    a_per_worker = align_floats((std::min(p.m, kBlockRows) | 1) * depth);
  }
};

std::int64_t gemm_workspace_bytes(const GemmProblem& p) {
  const GemmBuffers buffers(p);
  return (buffers.b + buffers.a_per_worker * thread_count()) *
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

/// Packs columns `columns` and depth `depth` of op(b). Slices of depth go across a few panels, so
/// that B is read in longer pieces than a panel's width.
void pack_b(const GemmProblem& p, const float* b, Range columns, Range depth, float* packed) {
  constexpr std::int64_t kPanelsPerChunk = 4;
  const std::int64_t panel_floats = round_up(depth.size(), kDepthBlock) * kPanel;
  const std::int64_t all_panels = panels(columns.size());
  parallel_for(divide_up(all_panels, kPanelsPerChunk), [&](std::int64_t chunk, int) {
    const std::int64_t end = std::min(all_panels, (chunk + 1) * kPanelsPerChunk);
    for (std::int64_t l = 0; l < depth.size(); l += kDepthBlock) {
      const std::int64_t size = std::min(kDepthBlock, depth.size() - l);
      for (std::int64_t panel = chunk * kPanelsPerChunk; panel < end; ++panel) {
        pack_slice_of_panel(p, b, columns, panel, depth.begin + l, size,
                            packed + panel * panel_floats + l * kPanel);
      }
    }
  });
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
    for_each_tile(rows, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
      float* tile_y = y + first * p.n + j;
      multiply_tile(
          count, width, a.from_row(first), b + panel * panel_size, depth,
          {.y = tile_y, .step = p.n, .bias = panel_bias, .addend = first_depth ? nullptr : tile_y});
    });
  }
}

/// One chunk: packs its rows of A, then multiplies.
void multiply_chunk(const GemmProblem& p, const GemmArgs& args, Range rows, Range panel_range,
                    Range columns, Range depth, const float* packed_b, float* packed_a) {
  const float* a = args.a.as<float>();
  const float* bias = p.bias ? args.bias.as<float>() + columns.begin : nullptr;
  float* y = args.y.as<float>() + rows.begin * p.n + columns.begin;
  if (p.trans_a) {
    for (std::int64_t l = 0; l < depth.size(); ++l) {
      copy_floats(a + (depth.begin + l) * p.m + rows.begin, packed_a + l * rows.size(),
                  rows.size());
    }
    multiply_block(p, Columns{packed_a, rows.size()}, rows.size(), packed_b, depth.size(),
                   panel_range, columns.size(), bias, depth.begin == 0, y);
  } else {
    for (std::int64_t i = 0; i < rows.size(); ++i) {
      pack_row<kDepthBlock>(a + (rows.begin + i) * p.k + depth.begin, depth.size(),
                            depth_block_step(rows.size()), packed_a + i * kDepthBlock);
    }
    multiply_block(p, DepthMajor16{packed_a, depth_block_step(rows.size())}, rows.size(), packed_b,
                   round_up(depth.size(), kDepthBlock), panel_range, columns.size(), bias,
                   depth.begin == 0, y);
  }
}

void gemm_run(const GemmProblem& p, const GemmArgs& args) {
  const GemmBuffers buffers(p);
  float* packed_b = static_cast<float*>(args.workspace.data);
  for (std::int64_t j = 0; j < p.n; j += kBlockColumns) {
    const Range columns{j, std::min(p.n, j + kBlockColumns)};
    const ChunkGrid grid = cut_into_chunks(p.m, panels(columns.size()), kBlockRows);
    // k = 0 still runs one, empty, block: it writes the bias.
    for (std::int64_t l = 0; l == 0 || l < p.k; l += kBlockDepth) {
      const Range depth{l, std::min(p.k, l + kBlockDepth)};
      pack_b(p, args.b.as<float>(), columns, depth, packed_b);
      parallel_for(grid.chunks(), [&](std::int64_t chunk, int worker) {
        const Range rows = part_of(p.m, grid.row_parts, chunk / grid.panel_parts);
        const Range panel_range =
            part_of(panels(columns.size()), grid.panel_parts, chunk % grid.panel_parts);
        multiply_chunk(p, args, rows, panel_range, columns, depth, packed_b,
                       packed_b + buffers.b + worker * buffers.a_per_worker);
      });
    }
  }
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
  if (p.m == 0 || p.n == 0) return;
  HWY_DYNAMIC_DISPATCH(gemm_run)(p, args);
}

double cost(const GemmProblem& p) {
  return static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
}

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
