// BlockTable: which blocks of memory there are, by address.
#pragma once

#include <cstddef>
#include <map>
#include <new>

namespace tl::simt {

/// What cudaMalloc aligns a block to.
inline constexpr std::align_val_t kBlockAlignment{256};

/// Fills memory that nobody has written: read as a float or a double it is NaN.
inline constexpr int kNanByte = 0xff;

class BlockTable {
 public:
  void add(void* data, std::size_t bytes) { bytes_[static_cast<std::byte*>(data)] = bytes; }

  /// Returns false when no block begins at `data`; else *bytes is its size.
  bool remove(void* data, std::size_t* bytes) {
    const auto found = bytes_.find(static_cast<std::byte*>(data));
    if (found == bytes_.end()) return false;
    *bytes = found->second;
    bytes_.erase(found);
    return true;
  }

  /// Whether these bytes lie within one block.
  bool holds(const void* data, std::size_t bytes) const {
    const auto* first = static_cast<const std::byte*>(data);
    auto block = bytes_.upper_bound(first);
    if (block == bytes_.begin()) return false;
    --block;
    const std::size_t offset = static_cast<std::size_t>(first - block->first);
    return offset <= block->second && bytes <= block->second - offset;
  }

  // Pairs of address and size.
  auto begin() const { return bytes_.begin(); }
  auto end() const { return bytes_.end(); }

 private:
  std::map<std::byte*, std::size_t, std::less<>> bytes_;
};

}  // namespace tl::simt
