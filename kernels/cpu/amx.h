// The matrix unit of Intel's processors (AMX, since Sapphire Rapids): it multiplies 16 x 32 by
// 32 x 16 numbers of bf16 in 16 cycles, and sums in f32. AVX-512 takes 256 cycles for as many in
// f32.
//
// f32 on it. An f32 is the sum of three bf16, its pieces, without rounding: each has 8 of the 24
// bits of the significand. Of the nine products of the pieces of two numbers the unit computes the
// six largest; what is left out is at most 2^-23 of the product, and 2^-26 on average, where f32
// itself rounds by 2^-24. (MKL calls it FLOAT_TO_BF16X3.) The unit adds up 16 products from zero
// before it adds them to the sum, so errors are as small as without it (README.md). What differs:
// an infinity gives NaN, and pieces below 2^-126 count as zero.
//
// The only file of this folder with intrinsics of one maker: Highway has none for tiles.
#pragma once

#include <cstdint>

namespace tl::cpu::amx {

constexpr std::int64_t kBlock = 32;  // rows, columns and depth of what is multiplied at once
constexpr std::int64_t kPieces = 3;

/// Numbers of bf16 in one block of 32 x 32, in pieces: first all high ones, then middle, then low;
/// of each the first 16 rows (of A) or columns (of B), then the others. Of A a row of 32 numbers
/// lies together, of B two rows of 16 columns by turns: a[i][0], a[i][16], a[i][1], a[i][17] ...
/// and b[0][j], b[16][j] for j = 0, 1 ..., then b[1][j], b[17][j] ...
constexpr std::int64_t kPieceNumbers = kBlock * kBlock;
constexpr std::int64_t kBlockNumbers = kPieces * kPieceNumbers;

/// Whether the processor has the unit and the system lets this process use it.
bool is_available();

/// Whether the kernels use it, as use_simd_target says.
bool is_on();
void set_on(bool on);

/// Sets this thread's tile registers up for multiply(), and frees them.
class Tiles {
 public:
  Tiles();
  ~Tiles();
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

/// Rows of whole cache lines that will be needed soon, at base + offsets[0], [1] ... or, without
/// offsets, `step` floats apart. `lines` of them are fetched with each product of pieces, along the
/// rows, so that the processor sees where they go and looks ahead, too.
struct Soon {
  const float* base = nullptr;
  std::int64_t rows = 0, row_lines = 0;
  std::int64_t step = 0;
  const std::int64_t* offsets = nullptr;
  std::int64_t lines = 0;
  std::int64_t taken = 0;  // lines of the first row
};

/// What is done besides, a little with each product of pieces: lines are fetched, and where there
/// is `work`, it is called. While the unit multiplies, the processor goes on with what comes next.
struct Meanwhile {
  Soon soon[5] = {};
  void (*work)(Meanwhile& self) = nullptr;
};
constexpr std::int64_t kProducts = 6;  // of pieces, for each block of depth

/// c [32][32] = A * B, added to c unless `from_zero`: the product of `blocks` blocks of depth, one
/// after the other in a and b, of which the first `rows` rows are wanted. Needs Tiles.
void multiply(std::int64_t rows, const std::uint16_t* a, const std::uint16_t* b,
              std::int64_t blocks, bool from_zero, float* c, Meanwhile& meanwhile);

}  // namespace tl::cpu::amx
