// Arrays from the elements that a file holds: any of the usual types, byte orders and strides. What
// the file says is checked here, for all formats alike.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl {

/// Element types of files. Those that no Array has become the next that holds them exactly: f16
/// f32, booleans u8, integers i32 (a value that does not fit is an error).
enum class StoredType : uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};

size_t size_of(StoredType type);
/// Of the Array that it becomes.
DType dtype_of(StoredType type);

/// Elements in a file. Strides and `first` count elements.
struct StoredElements {
  StoredType type = StoredType::f32;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  int64_t first = 0;
  std::endian order = std::endian::little;
};

/// The strides of elements that lie one after another, the last axis innermost. `shape` holds no
/// negative number and its product is no overflow (see checked_count).
std::vector<int64_t> row_major(const std::vector<int64_t>& shape);

/// How many elements that is; throws Error (cause alone) for a negative size, over 16 dimensions or
/// over 2^36 elements.
int64_t checked_count(const std::vector<int64_t>& shape);

/// Makes the arrays of one file. Bytes that can stay where they are, do; others are copied, and of
/// all copies together the file pays for a multiple only: an element that a file states once may
/// not fill the memory.
class ArrayMaker {
 public:
  explicit ArrayMaker(uint64_t file_bytes) : bytes_left_(3 * file_bytes + (uint64_t{32} << 20)) {}

  /// Elements of `storage`. Throws Error (cause alone) when it does not hold them all, when a
  /// number does not fit the array's type, or when all copies become too large.
  Array make(const SharedBytes& storage, const StoredElements& elements);

 private:
  uint64_t bytes_left_;
};

}  // namespace tl
