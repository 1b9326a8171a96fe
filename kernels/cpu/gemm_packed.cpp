// gemm "packed": the matrix product in blocks that stay in caches (Goto and van de Geijn, "Anatomy
// of High-Performance Matrix Multiplication", 2008).
//
//   for each block of columns (kBlockPanels) and of depth (kBlockDepth)
//     in chunks of a few panels: pack these panels of B, and multiply the first rows by them
//     in chunks of rows x panels: the other rows of A, where they lie or packed, times each panel
//
// A chunk's rows of A and a panel of B fit the second-level cache together. What the next chunk
// reads is fetched meanwhile. Partial sums of the blocks of depth are added up in y, in order of
// depth. The bias enters with the first block.
//
// The matrices of a batch that are too small for several threads are multiplied side by side, each
// by one thread with packed buffers of its own: within a body, the loops below run alone.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_packed.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/cache_control.h"
#include "kernels/cpu/gemm_operands-inl.h"
#include "kernels/cpu/gemm_variants.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kBlockPanels = 4096 / kPanel;
constexpr std::int64_t kBlockDepth = 2304;  // a multiple of 16, for rows of A that are packed
constexpr std::int64_t kFirstRows = 8 * kMaxRows;
constexpr std::int64_t kPanelsTogether = 2;  // of a chunk of the first rows

std::int64_t first_rows_of(const GemmProblem& p) { return std::min(p.m, kFirstRows); }

/// Whether A is read where it lies. Transposed, its rows are columns, which are far apart unless
/// they are short.
bool a_is_in_place(const GemmProblem& p) {
  return p.trans_a ? p.m <= kFirstRows : is_row_major_step(p.k);
}

/// Chunks of the rows after the first, times the panels of a block.
ChunkGrid chunks_of(const GemmProblem& p, std::int64_t block_panels) {
  constexpr std::int64_t kPartFloats = 64 * 1024;  // of A
  constexpr std::int64_t kEnoughChunks = 32;
  constexpr std::int64_t kFewPanels = 8;  // fewer would not be worth packing rows of A
  const std::int64_t rows = p.m - first_rows_of(p);
  if (rows == 0) return {0, 1};
  const std::int64_t depth = std::clamp<std::int64_t>(p.k, 1, kBlockDepth);
  const std::int64_t tiles = std::clamp<std::int64_t>(kPartFloats / (depth * kMaxRows), 4, 16);
  const std::int64_t row_parts = divide_up(rows, tiles * kMaxRows);
  return {row_parts,
          std::min(divide_up(kEnoughChunks, row_parts), divide_up(block_panels, kFewPanels))};
}

/// Sizes of the packed buffers of one product, in floats.
struct GemmBuffers {
  std::int64_t first_rows = 0;  // of A
  std::int64_t panels = 0;      // of B: a block that all threads share, or what one packs at once
  std::int64_t rows = 0;        // of A, a part of those after the first
  bool shares_panels;

  explicit GemmBuffers(const GemmProblem& p) : shares_panels(p.m > kFirstRows) {
    const std::int64_t depth = round_up(std::min(p.k, kBlockDepth), kDepthBlock);
    const std::int64_t block = std::min(divide_up(p.n, kPanel), kBlockPanels);
    panels = (shares_panels ? block : kPanelsTogether) * kPanel * depth;
    if (a_is_in_place(p)) return;
    first_rows = align_floats((first_rows_of(p) | 1) * depth);
    if (!shares_panels) return;
    const std::int64_t part = divide_up(p.m - kFirstRows, chunks_of(p, block).row_parts);
    rows = align_floats((part | 1) * depth);
  }

  std::int64_t of_thread() const { return rows + (shares_panels ? 0 : panels); }
  std::int64_t of_all() const { return first_rows + (shares_panels ? panels : 0); }
  std::int64_t floats(int threads) const { return of_all() + threads * of_thread(); }
};

std::int64_t gemm_workspace_bytes(const GemmProblem& p) {
  const GemmBuffers buffers(p);
  const int threads = thread_count();
  const std::int64_t floats =
      side_by_side(p) ? buffers.floats(1) * threads : buffers.floats(threads);
  return floats * static_cast<std::int64_t>(sizeof(float));
}

/// One product: its operands, and where it packs them.
class PackedProduct {
 public:
  PackedProduct(const GemmProblem& p, const GemmArgs& args, std::int64_t t, float* workspace)
      : p_(p), operands_(p, args, t), buffers_(p), workspace_(workspace) {}

  void run() const {
    const std::int64_t all = panels(p_.n);
    for (std::int64_t panel = 0; panel < all; panel += kBlockPanels) {
      // k = 0 still gives one, empty, block of depth: it writes the bias.
      for (std::int64_t l = 0; l == 0 || l < p_.k; l += kBlockDepth) {
        const Range depth{l, std::min(p_.k, l + kBlockDepth)};
        run_block({panel, std::min(all, panel + kBlockPanels)}, depth);
      }
    }
  }

 private:
  void run_block(Range block, Range depth) const {
    with_rows({0, first_rows_of(p_)}, depth, workspace_,
              [&](auto rows) { multiply_first_rows(rows, block, depth); });
    if (buffers_.shares_panels) multiply_other_rows(block, depth);
  }

  /// Calls f with rows of A; `packed` has room for them.
  template <class F>
  void with_rows(Range rows, Range depth, float* packed, const F& f) const {
    if (a_is_in_place(p_)) {
      p_.trans_a ? f(operands_.columns_in_place(rows, depth))
                 : f(operands_.rows_in_place(rows, depth));
    } else {
      p_.trans_a ? f(operands_.pack_columns(rows, depth, packed))
                 : f(operands_.pack_rows(rows, depth, packed));
    }
  }

  /// `rows` of A, which are `a`, times panels that lie packed one after the other. `next` is
  /// fetched with the last of them.
  template <class Rows>
  void multiply(Range rows, Rows a, Range some, Range depth, const float* packed,
                const Upcoming& next) const {
    Upcoming upcoming;
    for (std::int64_t panel = some.begin; panel < some.end; ++panel) {
      if (panel == std::max(some.begin, some.end - kFetchingPanels)) upcoming = next;
      operands_.multiply(rows, a, panel, depth, packed, upcoming);
      packed += panel_floats(depth);
    }
    if (operands_.store(depth) == Store::kStreamed) hwy::FlushStream();
  }

  template <class Rows>
  void multiply_first_rows(Rows a, Range block, Range depth) const {
    const auto panels_of = [&](std::int64_t chunk) {
      const std::int64_t first = block.begin + chunk * kPanelsTogether;
      return Range{first, std::min(block.end, first + kPanelsTogether)};
    };
    const std::int64_t chunks = divide_up(block.size(), kPanelsTogether);
    const int threads = thread_count();
    parallel_for(chunks, [&](std::int64_t chunk, int worker) {
      const Range some = panels_of(chunk);
      float* packed = buffers_.shares_panels
                          ? panels_packed() + (some.begin - block.begin) * panel_floats(depth)
                          : own(worker);
      Upcoming next;
      if (chunk + threads < chunks) {
        next = operands_.panels_to_come(panels_of(chunk + threads), depth);
      }
      operands_.pack_panels(some, depth, packed);
      multiply({0, first_rows_of(p_)}, a, some, depth, packed, next);
    });
  }

  void multiply_other_rows(Range block, Range depth) const {
    const ChunkGrid grid = chunks_of(p_, block.size());
    const auto rows_of = [&](std::int64_t part) {
      return part_of(Range{kFirstRows, p_.m}, grid.row_parts, part);
    };
    const int threads = thread_count();
    parallel_for(grid.chunks(), [&](std::int64_t chunk, int worker) {
      const std::int64_t part = chunk / grid.panel_parts;
      const std::int64_t next_part = (chunk + threads) / grid.panel_parts;
      const Range some = part_of(block, grid.panel_parts, chunk % grid.panel_parts);
      const float* packed = panels_packed() + (some.begin - block.begin) * panel_floats(depth);
      Upcoming next;
      if (next_part > part && next_part < grid.row_parts) {
        next = operands_.rows_to_come(rows_of(next_part), depth);
      }
      with_rows(rows_of(part), depth, own(worker),
                [&](auto a) { multiply(rows_of(part), a, some, depth, packed, next); });
    });
  }

  static std::int64_t panel_floats(Range depth) {
    return round_up(depth.size(), kDepthBlock) * kPanel;
  }
  float* panels_packed() const { return workspace_ + buffers_.first_rows; }
  float* own(int worker) const {
    return workspace_ + buffers_.of_all() + worker * buffers_.of_thread();
  }

  const GemmProblem& p_;
  GemmOperands operands_;
  GemmBuffers buffers_;
  float* workspace_;
};

void gemm_run(const GemmProblem& p, const GemmArgs& args) {
  float* workspace = static_cast<float*>(args.workspace.data);
  if (!side_by_side(p)) {
    for (std::int64_t t = 0; t < p.batch; ++t) PackedProduct(p, args, t, workspace).run();
    return;
  }
  // Tiny matrices in groups, so that handing them out does not count.
  constexpr double kEnoughWork = 65536;  // multiply-adds
  const double work = p.multiply_adds() / static_cast<double>(p.batch);
  const auto group = static_cast<std::int64_t>(std::max(1.0, kEnoughWork / std::max(1.0, work)));
  const std::int64_t floats = GemmBuffers(p).floats(1);
  parallel_for(divide_up(p.batch, group), [&](std::int64_t chunk, int worker) {
    for (std::int64_t t = chunk * group; t < std::min(p.batch, (chunk + 1) * group); ++t) {
      PackedProduct(p, args, t, workspace + worker * floats).run();
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
