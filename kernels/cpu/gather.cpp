// gather: rows are copied whole, chunks of them in parallel. Backward cuts dx, not dy: a chunk owns
// a block of its columns and a part of its rows, and reads through the whole index for the rows it
// owns, in order. So no two threads write one element, and every sum is in the order of i.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gather.cpp"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <cstring>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// Rows `own` and columns `block` of dx.
void scatter_block(const float* dy, const std::int32_t* index, std::int64_t size, float* dx,
                   std::int64_t columns, Range own, Range block) {
  for (std::int64_t r = own.begin; r < own.end; ++r) {
    std::fill_n(dx + r * columns + block.begin, block.size(), 0.0f);
  }
  for (std::int64_t i = 0; i < size; ++i) {
    if (index[i] < own.begin || index[i] >= own.end) continue;
    const float* from = dy + i * columns;
    float* to = dx + index[i] * columns;
    for_each_vector(block, [=](auto d, std::int64_t j) {
      hn::StoreU(hn::Add(hn::LoadU(d, to + j), hn::LoadU(d, from + j)), d, to + j);
    });
  }
}

void rows_backward(const float* dy, const std::int32_t* index, std::int64_t size, float* dx,
                   std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kColumns = 256;  // 1 KB of a row: reading the index hides behind it
  constexpr std::int64_t kMostRowParts = 8;
  const std::int64_t column_parts = chunks_of(columns, kColumns);
  const std::int64_t row_parts = std::clamp<std::int64_t>(
      (rows + size) * std::min(columns, kColumns) / kChunk, 1, std::min(rows, kMostRowParts));
  parallel_for(row_parts * column_parts, [&](std::int64_t chunk, int) {
    scatter_block(dy, index, size, dx, columns, part_of(rows, row_parts, chunk / column_parts),
                  chunk_range(columns, kColumns, chunk % column_parts));
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(rows_backward);

template <class T>
void copy_rows(std::int64_t columns, const T* x, ConstView index_view, T* y) {
  const std::int32_t* index = index_view.as<std::int32_t>();
  const std::size_t bytes = static_cast<std::size_t>(columns) * sizeof(T);
  parallel_ranges(index_view.size, rows_per_chunk(columns), [=](Range rows) {
    for (std::int64_t i = rows.begin; i < rows.end; ++i) {
      std::memcpy(y + i * columns, x + index[i] * columns, bytes);
    }
  });
}

void run_rows(Stream, std::int64_t columns, ConstView x, ConstView index, View y) {
  if (y.size == 0) return;
  with_type(y.dtype, [&]<class T>(T) { copy_rows(columns, x.as<T>(), index, y.as<T>()); });
}

void run_rows_backward(Stream, std::int64_t columns, ConstView dy, ConstView index, View dx) {
  const char* op = "gather.rows_backward";
  const float* from = floats(op, dy);
  float* to = floats(op, dx);
  if (dx.size == 0) return;
  HWY_DYNAMIC_DISPATCH(rows_backward)
  (from, index.as<std::int32_t>(), index.size, to, dx.size / columns, columns);
}

}  // namespace

void install_gather(Backend& b) {
  b.gather.rows = run_rows;
  b.gather.rows_backward = run_rows_backward;
}

}  // namespace tl::cpu
#endif
