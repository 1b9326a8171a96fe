// reduce.sum_rows: a block of columns is summed in one chunk, so that no scratch is needed. Long
// columns are summed in pieces, and the pieces added up: the rounding error of a sum grows with the
// number of additions in one chain.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reduce.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kPieceRows = 512;
constexpr std::int64_t kBlockColumns = 64;

void sum_rows(const float* x, float* y, std::int64_t rows, std::int64_t columns) {
  parallel_ranges(columns, kBlockColumns, [=](Range block) {
    for_each_vector(block, [=](auto d, std::int64_t column) {
      auto total = hn::Zero(d);
      for (std::int64_t first = 0; first < rows; first += kPieceRows) {
        auto piece = hn::Zero(d);
        for (std::int64_t i = first; i < std::min(rows, first + kPieceRows); ++i) {
          piece = hn::Add(piece, hn::LoadU(d, x + i * columns + column));
        }
        total = hn::Add(total, piece);
      }
      hn::StoreU(total, d, y + column);
    });
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(sum_rows);

void run_sum_rows(Stream, ConstView x, View y) {
  const char* op = "reduce.sum_rows";
  if (y.size == 0) return;
  HWY_DYNAMIC_DISPATCH(sum_rows)(floats(op, x), floats(op, y), x.size / y.size, y.size);
}

}  // namespace

void install_reduce(Backend& b) { b.reduce.sum_rows = run_sum_rows; }

}  // namespace tl::cpu
#endif
