// Digest: 128 bits that stand for the content of a file.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/regular_file.h"

namespace tl {

/// Two contents that differ have the same digest by accident once in 2^128 pairs, which no
/// collection of pictures makes likely. Whoever wants two of the same digest can make them: it is
/// no proof against an enemy.
struct Digest {
  std::uint64_t low = 0, high = 0;
  auto operator<=>(const Digest&) const = default;
};

/// XXH3 of 128 bits; another `seed` gives unrelated digests.
Digest digest_of(std::span<const std::byte> bytes, std::uint64_t seed = 0);

/// The same of a whole file, whatever its size: it is read in pieces. Throws Error with the cause
/// alone.
Digest digest_of(const RegularFile& file);

/// 32 hexadecimal digits.
std::string to_text(const Digest& digest);

}  // namespace tl
