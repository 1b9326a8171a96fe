// Integers in the byte orders of files.
#pragma once

#include <cstdint>

namespace tl {

/// `count` bytes (1 to 4), the least significant one first.
inline uint32_t little_endian(const uint8_t* bytes, int count) {
  uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = (value << 8) | bytes[i];
  return value;
}

/// The same, the most significant one first.
inline uint32_t big_endian(const uint8_t* bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = (value << 8) | bytes[i];
  return value;
}

}  // namespace tl
