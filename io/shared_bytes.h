// SharedBytes: the bytes of a file, kept while anybody points into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "io/regular_file.h"

namespace tl {

/// At which multiples memory for arrays begins.
inline constexpr uint64_t array_alignment = 64;

struct SharedBytes {
  std::shared_ptr<const std::byte> data;
  size_t size = 0;

  std::span<const std::byte> span() const { return {data.get(), size}; }
  /// A part of it, which keeps the whole.
  SharedBytes part(std::span<const std::byte> within) const {
    return {{data, within.data()}, within.size()};
  }
};

/// A whole file in memory of its own: what other programs do to it afterwards changes nothing here.
/// (A mapped file that is cut short ends who reads it, by SIGBUS.) The byte at the place
/// `aligned_at` lies at a multiple of array_alignment, so that elements which begin there can be
/// used where they are. Throws Error with the cause alone: empty, larger than the machine's memory,
/// cut short while it was read.
SharedBytes read_shared_bytes(const RegularFile& file, uint64_t aligned_at = 0);
/// The same by its name; see open_regular_file.
SharedBytes read_shared_bytes(const std::filesystem::path& path);

}  // namespace tl
