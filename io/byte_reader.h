// ByteReader: bytes from front to back, never past their end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "kernels/error.h"

namespace tl {

class ByteReader {
 public:
  /// `what` the bytes are, for messages: "truncated <what>".
  ByteReader(std::span<const std::byte> bytes, const char* what) : bytes_(bytes), what_(what) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(uint64_t count) {
    check(count <= left(), "truncated ", what_);
    const auto part = bytes_.subspan(position_, static_cast<size_t>(count));
    position_ += part.size();
    return part;
  }

  std::string_view text(uint64_t count) {
    const auto part = take(count);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  /// Up to the next line feed, which is passed over.
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, left());
    const size_t end = rest.find('\n');
    check(end != std::string_view::npos, "truncated ", what_);
    position_ += end + 1;
    return rest.substr(0, end);
  }

  /// An integer of the file's byte order.
  template <class T>
  T number(std::endian order = std::endian::little) {
    const auto part = take(sizeof(T));
    std::make_unsigned_t<T> value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      const size_t at = order == std::endian::little ? sizeof(T) - 1 - i : i;
      value = static_cast<decltype(value)>(static_cast<uint64_t>(value) << 8 |
                                           std::to_integer<uint64_t>(part[at]));
    }
    return static_cast<T>(value);
  }

 private:
  const std::span<const std::byte> bytes_;
  const char* const what_;
  size_t position_ = 0;
};

}  // namespace tl
