// gemm "matrix_unit": f32 as three pieces of bf16 (amx.h), in chunks of rows x panels, as direct
// convolutions are (conv2d_unit-inl.h). Panels of B are cut into pieces for all rows of a chunk,
// rows of A where they lie. Blocks of depth follow from the depth alone, so how the product is cut
// does not show in the result.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_matrix_unit.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/amx_product-inl.h"
#include "kernels/cpu/gemm_operands-inl.h"
#include "kernels/cpu/gemm_variants.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

struct UnitGemmBlocking {
  std::int64_t depth, panels_at_once;
  ChunkGrid grid;

  explicit UnitGemmBlocking(const GemmProblem& p)
      : depth(unit_depth(p.k)),
        panels_at_once(unit_panels(p.k, panels(p.n))),
        grid(unit_grid(divide_up(p.m, amx::kBlock), panels(p.n))) {}

  std::int64_t packed_floats() const { return round_up(depth, kDepthBlock) * kPanel; }
  std::int64_t of_thread() const {
    return UnitScratch::floats(panels_at_once, depth) + packed_floats();
  }
};

/// Some rows times some panels.
class UnitGemmChunk {
 public:
  UnitGemmChunk(const GemmOperands& operands, const UnitGemmBlocking& blocking, Range rows,
                float* buffer)
      : operands_(operands),
        p_(operands.p),
        rows_(rows),
        scratch_(buffer + blocking.packed_floats(), blocking.panels_at_once, blocking.depth),
        packed_(buffer) {}

  void run(Range some, Range depth) const {
    std::uint16_t* pieces = scratch_.pieces;
    for (std::int64_t panel = some.begin; panel < some.end; ++panel) {
      split_b(panel, depth, pieces);
      pieces += divide_up(depth.size(), amx::kBlock) * amx::kBlockNumbers;
    }
    const TileOutput out = operands_.output(rows_, some.begin, depth);
    unit_product(
        rows_.size(), std::min(p_.n, some.end * kPanel) - some.begin * kPanel, depth.size(), out,
        scratch_, {},
        [&](std::int64_t row, std::int64_t count, std::int64_t l, std::int64_t length,
            std::uint16_t* to) { split_a(row, count, depth.begin + l, length, to); },
        [&](std::int64_t row, std::int64_t count) {
          if (p_.trans_a) return amx::Soon{};
          return amx::Soon{operands_.rows_in_place(from_row(row), depth).data, count,
                           divide_up(depth.size(), kLineFloats), p_.k};
        },
        [&](std::int64_t row) { return row * p_.n; });
    if (out.store == Store::kStreamed) hwy::FlushStream();
  }

 private:
  Range from_row(std::int64_t row) const { return {rows_.begin + row, rows_.end}; }

  void split_b(std::int64_t panel, Range depth, std::uint16_t* to) const {
    const std::int64_t j = panel * kPanel;
    if (!p_.trans_b && j + kPanel <= p_.n) {
      return split_panel(operands_.b + depth.begin * p_.n + j, p_.n, depth.size(), to);
    }
    operands_.pack_panels({panel, panel + 1}, depth, packed_);
    split_panel(packed_, kPanel, depth.size(), to);
  }

  void split_a(std::int64_t row, std::int64_t count, std::int64_t l, std::int64_t length,
               std::uint16_t* to) const {
    const Range depth{l, l + length};
    if (p_.trans_a) {
      return split_rows(operands_.columns_in_place(from_row(row), depth), count, length, to);
    }
    const RowMajor a = operands_.rows_in_place(from_row(row), depth);
    const float* from[amx::kBlock];
    for (std::int64_t i = 0; i < count; ++i) from[i] = a.from_row(i).data;
    const std::int64_t whole = length / amx::kBlock * amx::kBlock;
    split_rows(RowPointers{from, 0}, count, whole, to);
    if (whole == length) return;
    HWY_ALIGN float last[amx::kBlock * amx::kBlock] = {};
    for (std::int64_t i = 0; i < count; ++i) {
      copy_floats(from[i] + whole, last + i * amx::kBlock, length - whole);
      from[i] = last + i * amx::kBlock;
    }
    split_rows(RowPointers{from, 0}, count, amx::kBlock,
               to + whole / amx::kBlock * amx::kBlockNumbers);
  }

  const GemmOperands& operands_;
  const GemmProblem& p_;
  Range rows_;
  UnitScratch scratch_;
  float* packed_;
};

/// One matrix of the batch; within a body of parallel_for, by this thread.
void run_on_unit(const GemmOperands& operands, float* workspace) {
  const GemmProblem& p = operands.p;
  const UnitGemmBlocking blocking(p);
  parallel_for(blocking.grid.chunks(), [&](std::int64_t i, int worker) {
    const Range rows = part_of(p.m, blocking.grid.row_parts, i / blocking.grid.panel_parts);
    const Range some =
        part_of(panels(p.n), blocking.grid.panel_parts, i % blocking.grid.panel_parts);
    const UnitGemmChunk chunk(operands, blocking, rows, workspace + worker * blocking.of_thread());
    const std::int64_t parts = divide_up(some.size(), blocking.panels_at_once);
    for (std::int64_t l = 0; l < p.k; l += blocking.depth) {
      for (std::int64_t part = 0; part < parts; ++part) {
        chunk.run(part_of(some, parts, part), {l, std::min(p.k, l + blocking.depth)});
      }
    }
  });
}

std::int64_t unit_gemm_workspace_bytes(const GemmProblem& p) {
  return thread_count() * UnitGemmBlocking(p).of_thread() *
         static_cast<std::int64_t>(sizeof(float));
}

void unit_gemm_run(const GemmProblem& p, const GemmArgs& args) {
  float* workspace = static_cast<float*>(args.workspace.data);
  const auto run_one = [&](std::int64_t t, float* buffer) {
    run_on_unit(GemmOperands(p, args, t), buffer);
  };
  if (side_by_side(p)) {
    const std::int64_t of_thread = UnitGemmBlocking(p).of_thread();
    parallel_for(p.batch,
                 [&](std::int64_t t, int worker) { run_one(t, workspace + worker * of_thread); });
  } else {
    for (std::int64_t t = 0; t < p.batch; ++t) run_one(t, workspace);
  }
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(unit_gemm_workspace_bytes);
HWY_EXPORT(unit_gemm_run);

/// Rows and columns enough for cutting them into pieces to be worth it; whatever the batch, so that
/// a matrix has the bits that it has alone.
bool supports(const GemmProblem& p) {
  constexpr std::int64_t kEnough = 64;
  return amx::is_on() && p.dtype == DType::f32 && p.m >= kEnough && p.n >= kEnough &&
         p.k >= kEnough;
}

std::int64_t workspace_bytes(const GemmProblem& p) {
  return HWY_DYNAMIC_DISPATCH(unit_gemm_workspace_bytes)(p);
}

void run(Stream, const GemmProblem& p, const GemmArgs& args) {
  if (p.batch == 0) return;
  HWY_DYNAMIC_DISPATCH(unit_gemm_run)(p, args);
}

/// Of multiply-adds as "packed" does them.
double cost(const GemmProblem& p) { return 0.7 * p.multiply_adds(); }

}  // namespace

GemmVariant gemm_matrix_unit() {
  return {.name = "matrix_unit",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
