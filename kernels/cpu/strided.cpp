// strided: copies planes of two dimensions, innermost loops chosen by how x and y step there.
//
//   both step by one       runs, by memcpy
//   x and y step by one in different dimensions: a transposition, in blocks of 16 x 16 elements, so
//                          that every cache line that is read is used up before it is lost; within
//                          a block 4 x 4 by vectors (2 x 2 where elements are 8 bytes)
//   x does not step        a run of equal elements
//   anything else          element by element
//
// The innermost dimension of y is one side of the plane. The other is the one in which x steps by
// one, or else the next outer one. Planes are cut into pieces of about one chunk.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/strided.cpp"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <array>
#include <cstring>

#include "hwy/highway.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/ranges.h"
#include "kernels/cpu/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

/// One dimension of the box.
struct Side {
  std::int64_t size = 1, x_step = 0, y_step = 0;
};

/// Side of the squares that are transposed at a time: a cache line of elements of 4 bytes.
constexpr std::int64_t kBlock = 16;

/// Side of the square that transpose_tile() moves: a vector of 16 bytes. Elements of 1 and 2 bytes
/// go one by one, and so does everything where there are no such vectors.
template <class T>
constexpr std::int64_t kTile = HWY_TARGET == HWY_SCALAR || sizeof(T) < 4
                                   ? 1
                                   : 16 / static_cast<std::int64_t>(sizeof(T));

#if HWY_TARGET != HWY_SCALAR
/// 2 x 2 elements of 8 bytes.
template <class T>
HWY_INLINE void transpose_2x2(const T* x, std::int64_t x_step, T* y, std::int64_t y_step) {
  const hn::Full128<T> d;
  const auto x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + x_step);
  hn::StoreU(hn::InterleaveLower(d, x0, x1), d, y);
  hn::StoreU(hn::InterleaveUpper(d, x0, x1), d, y + y_step);
}
#endif

/// y[i * y_step + j] = x[j * x_step + i] for i, j < kTile.
template <class T>
HWY_INLINE void transpose_tile(const T* x, std::int64_t x_step, T* y, std::int64_t y_step) {
  if constexpr (kTile<T> == 4) {
    transpose_4x4(x, x_step, y, y_step);
  } else if constexpr (kTile<T> == 2) {
    transpose_2x2(x, x_step, y, y_step);
  } else {
    *y = *x;
  }
}

/// y[i * a.y_step + j * b.y_step] = x[i * a.x_step + j * b.x_step], one by one.
template <class T>
void copy_each(Side a, Side b, const T* x, T* y) {
  for (std::int64_t i = 0; i < a.size; ++i) {
    for (std::int64_t j = 0; j < b.size; ++j) {
      y[i * a.y_step + j * b.y_step] = x[i * a.x_step + j * b.x_step];
    }
  }
}

/// A whole block, by way of a buffer: every cache line of x is read once and every one of y written
/// once, however unluckily their steps map to the sets of a cache.
template <class T>
void transpose_block(std::int64_t x_step, std::int64_t y_step, const T* x, T* y) {
  HWY_ALIGN T block[kBlock * kBlock];
  for (std::int64_t j = 0; j < kBlock; j += kTile<T>) {
    for (std::int64_t i = 0; i < kBlock; i += kTile<T>) {
      transpose_tile(x + j * x_step + i, x_step, block + i * kBlock + j, kBlock);
    }
  }
  for (std::int64_t i = 0; i < kBlock; ++i) {
    std::memcpy(y + i * y_step, block + i * kBlock, kBlock * sizeof(T));
  }
}

/// x steps by one along a, y along b.
template <class T>
void transpose_plane(Side a, Side b, const T* x, T* y) {
  const std::int64_t whole_a = a.size / kBlock * kBlock, whole_b = b.size / kBlock * kBlock;
  for (std::int64_t i = 0; i < whole_a; i += kBlock) {
    for (std::int64_t j = 0; j < whole_b; j += kBlock) {
      transpose_block(b.x_step, a.y_step, x + i + j * b.x_step, y + i * a.y_step + j);
    }
  }
  // What is left is narrow on one side. That side goes outside, so that the inner loop is long.
  copy_each<T>({b.size - whole_b, b.x_step, 1}, {a.size, 1, a.y_step}, x + whole_b * b.x_step,
               y + whole_b);
  copy_each<T>({a.size - whole_a, 1, a.y_step}, {whole_b, b.x_step, 1}, x + whole_a,
               y + whole_a * a.y_step);
}

/// The elements of one piece; `b` is the inner side.
template <class T>
void copy_plane(Side a, Side b, const T* x, T* y) {
  if (b.x_step == 1 && b.y_step == 1) {
    const std::size_t bytes = static_cast<std::size_t>(b.size) * sizeof(T);
    for (std::int64_t i = 0; i < a.size; ++i) {
      std::memcpy(y + i * a.y_step, x + i * a.x_step, bytes);
    }
  } else if (b.x_step == 0 && b.y_step == 1) {
    for (std::int64_t i = 0; i < a.size; ++i) {
      std::fill_n(y + i * a.y_step, b.size, x[i * a.x_step]);
    }
  } else if (a.x_step == 1 && b.y_step == 1) {
    transpose_plane(a, b, x, y);
  } else {
    copy_each(a, b, x, y);
  }
}

/// The box as planes of sides a and b, one for every index of the other dimensions.
struct Planes {
  static constexpr std::size_t kOuter = StridedCopyProblem::kMaxRank - 2;
  std::array<Side, kOuter> outer;
  Side a, b;

  explicit Planes(const StridedCopyProblem& p) {
    const auto side = [&](std::size_t k) { return Side{p.size[k], p.x_step[k], p.y_step[k]}; };
    constexpr std::size_t last = StridedCopyProblem::kMaxRank - 1;
    b = side(last);
    std::size_t second = last - 1;
    if (b.x_step != 1) {
      for (std::size_t k = 0; k < last; ++k) {
        if (p.size[k] > 1 && p.x_step[k] == 1) second = k;
      }
    }
    a = side(second);
    std::size_t next = 0;
    for (std::size_t k = 0; k < last; ++k) {
      if (k != second) outer[next++] = side(k);
    }
  }

  std::int64_t count() const {
    std::int64_t product = 1;
    for (const Side& side : outer) product *= side.size;
    return product;
  }
};

/// Sizes of the pieces that a plane is cut into: long in the direction of runs, else near square.
struct Pieces {
  std::int64_t rows, columns;
  Pieces(const Side& a, const Side& b) {
    const std::int64_t least_rows = b.x_step == 1 ? 1 : 128;
    rows = std::min(a.size, std::max(least_rows, rows_per_chunk(b.size)));
    columns = std::min(b.size, rows_per_chunk(rows));
  }
};

template <class T>
void copy_elements(const StridedCopyProblem& p, const T* x, T* y) {
  const Planes planes(p);
  const Pieces pieces(planes.a, planes.b);
  const std::int64_t row_parts = chunks_of(planes.a.size, pieces.rows);
  const std::int64_t column_parts = chunks_of(planes.b.size, pieces.columns);
  const std::int64_t pieces_per_chunk = rows_per_chunk(pieces.rows * pieces.columns);
  parallel_ranges(planes.count() * row_parts * column_parts, pieces_per_chunk, [&](Range range) {
    for (std::int64_t piece = range.begin; piece < range.end; ++piece) {
      std::int64_t plane = piece / (row_parts * column_parts);
      std::int64_t x_at = p.x_offset, y_at = p.y_offset;
      for (std::size_t k = Planes::kOuter; k-- > 0;) {
        const Side& side = planes.outer[k];
        const std::int64_t i = plane % side.size;
        plane /= side.size;
        x_at += i * side.x_step;
        y_at += i * side.y_step;
      }
      Side a = planes.a, b = planes.b;
      const Range rows = chunk_range(a.size, pieces.rows, piece / column_parts % row_parts);
      const Range columns = chunk_range(b.size, pieces.columns, piece % column_parts);
      a.size = rows.size();
      b.size = columns.size();
      copy_plane(a, b, x + x_at + rows.begin * a.x_step + columns.begin * b.x_step,
                 y + y_at + rows.begin * a.y_step + columns.begin * b.y_step);
    }
  });
}

void copy(const StridedCopyProblem& p, ConstView x, View y) {
  with_type(y.dtype, [&]<class T>(T) { copy_elements(p, x.as<T>(), y.as<T>()); });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(copy);

void run(Stream, const StridedCopyProblem& p, ConstView x, View y) {
  if (p.elements() > 0) HWY_DYNAMIC_DISPATCH(copy)(p, x, y);
}

}  // namespace

void install_strided(Backend& b) { b.strided.copy = run; }

}  // namespace tl::cpu
#endif
