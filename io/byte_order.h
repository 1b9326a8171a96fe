// Integers in the byte orders of files.
#pragma once

#include <cstdint>
#include <vector>

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

inline void append_little_endian(std::vector<uint8_t>& bytes, uint32_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}
inline void append_big_endian(std::vector<uint8_t>& bytes, uint32_t value, int count) {
  for (int i = count; i-- > 0;) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace tl
