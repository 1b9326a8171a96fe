// gemm "strassen": large products by one level of Strassen's algorithm (strassen-inl.h): an eighth
// fewer multiply-adds.
//
//   for each block of columns and of depth
//     pack the sums of B's quarters
//     in chunks of rows x pairs of panels: put the sums of A's rows together, and multiply
//
// Row i of A is paired with row i + m / 2.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_strassen.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/cache_control.h"
#include "kernels/cpu/gemm_operands-inl.h"
#include "kernels/cpu/gemm_variants.h"
#include "kernels/cpu/strassen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kBlockPairs = 1024 / (2 * kPanel);
static_assert(kStrassenGemmColumnStep % (2 * kPanel) == 0 &&
              kStrassenGemmDepthStep % kStrassenDepthStep == 0);

/// How the rows are paired and cut, and the sizes of the packed sums.
struct StrassenSizes {
  std::int64_t half, row_parts;  // rows: how far the two of a pair are apart
  std::int64_t pairs, depth;     // of panels; both of one block

  explicit StrassenSizes(const GemmProblem& p)
      : half(divide_up(p.m, 2)),
        row_parts(divide_up(half, kStrassenRows)),
        pairs(std::min(p.n / (2 * kPanel), kBlockPairs)),
        depth(std::min(p.k, kStrassenDepth)) {}

  std::int64_t panel_floats() const { return pairs * strassen_pair_floats(depth); }
  std::int64_t row_floats() const {  // of each thread
    return StrassenRows{nullptr, kStrassenRows, depth / 2}.floats();
  }
};

std::int64_t gemm_workspace_bytes(const GemmProblem& p) {
  const StrassenSizes sizes(p);
  return (sizes.panel_floats() + thread_count() * sizes.row_floats()) *
         static_cast<std::int64_t>(sizeof(float));
}

void pack_pairs(const GemmOperands& operands, Range pairs, Range depth, float* packed) {
  const std::int64_t half = depth.size() / 2;
  parallel_for(pairs.size(), [&](std::int64_t i, int) {
    float* const to = packed + i * strassen_pair_floats(depth.size());
    for (int right = 0; right < 2; ++right) {
      const std::int64_t panel = 2 * (pairs.begin + i) + right;
      for (int lower = 0; lower < 2; ++lower) {
        const std::int64_t l = depth.begin + lower * half;
        operands.pack_panels({panel, panel + 1}, {l, l + half},
                             to + kStrassenQuarters[right][lower] * half * kPanel);
      }
    }
    combine_panels(to, half);
  });
}

/// Pairs of rows `rows` times the packed pairs of panels `some` of those from `first_pair` on.
void multiply_rows(const GemmOperands& operands, const StrassenSizes& sizes, Range rows,
                   std::int64_t first_pair, Range some, Range depth, const float* packed,
                   float* sums) {
  const GemmProblem& p = operands.p;
  const Range second{rows.begin + sizes.half, std::min(p.m, rows.end + sizes.half)};
  const RowMajor x = operands.rows_in_place({0, p.m}, depth);
  const StrassenRows a{sums, rows.size(), depth.size() / 2};
  for (std::int64_t i = 0; i < a.rows; ++i) {
    a.combine(i, x.from_row(rows.begin + i).data,
              i < second.size() ? x.from_row(second.begin + i).data : nullptr);
  }
  Upcoming nothing;
  for (std::int64_t pair = some.begin; pair < some.end; ++pair) {
    const std::int64_t panel = 2 * (first_pair + pair);
    strassen_product(a, packed + pair * strassen_pair_floats(depth.size()),
                     operands.output(rows, panel, depth), operands.output(second, panel, depth),
                     second.size(), nothing);
  }
  if (operands.store(depth) == Store::kStreamed) hwy::FlushStream();
}

void run_block(const GemmOperands& operands, const StrassenSizes& sizes, Range pairs, Range depth,
               float* workspace) {
  constexpr std::int64_t kEnoughChunks = 32;
  pack_pairs(operands, pairs, depth, workspace);
  const std::int64_t pair_parts = std::min(pairs.size(), divide_up(kEnoughChunks, sizes.row_parts));
  parallel_for(sizes.row_parts * pair_parts, [&](std::int64_t chunk, int worker) {
    multiply_rows(operands, sizes, part_of(sizes.half, sizes.row_parts, chunk / pair_parts),
                  pairs.begin, part_of(pairs.size(), pair_parts, chunk % pair_parts), depth,
                  workspace, workspace + sizes.panel_floats() + worker * sizes.row_floats());
  });
}

void gemm_run(const GemmProblem& p, const GemmArgs& args) {
  const StrassenSizes sizes(p);
  const std::int64_t pairs = p.n / (2 * kPanel);
  for (std::int64_t t = 0; t < p.batch; ++t) {
    const GemmOperands operands(p, args, t);
    for (std::int64_t pair = 0; pair < pairs; pair += kBlockPairs) {
      for (std::int64_t l = 0; l < p.k; l += kStrassenDepth) {
        run_block(operands, sizes, {pair, std::min(pairs, pair + kBlockPairs)},
                  {l, std::min(p.k, l + kStrassenDepth)}, static_cast<float*>(args.workspace.data));
      }
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

bool supports(const GemmProblem& p) {
  return p.dtype == DType::f32 && !p.trans_a && p.k > 0 && p.n % kStrassenGemmColumnStep == 0 &&
         p.k % kStrassenGemmDepthStep == 0;
}

std::int64_t workspace_bytes(const GemmProblem& p) {
  return HWY_DYNAMIC_DISPATCH(gemm_workspace_bytes)(p);
}

void run(Stream, const GemmProblem& p, const GemmArgs& args) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  HWY_DYNAMIC_DISPATCH(gemm_run)(p, args);
}

/// Seven of eight multiply-adds, and the sums: of A, to be shared by the columns, of B, by the
/// rows, and of results, by the depth.
double cost(const GemmProblem& p) {
  const auto m = static_cast<double>(p.m), n = static_cast<double>(p.n),
             k = static_cast<double>(p.k);
  return p.multiply_adds() * (7.0 / 8 + 16 / m + 16 / n + 16 / k);
}

}  // namespace

GemmVariant gemm_strassen() {
  return {.name = "strassen",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
