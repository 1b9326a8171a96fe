#include "apps/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cinttypes>
#include <cstdio>
#include <vector>

namespace tl {

Digest digest_of(std::span<const std::byte> bytes, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

Digest digest_of(const RegularFile& file) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  std::vector<std::byte> piece(std::size_t{1} << 18);
  std::uint64_t place = 0;
  while (const std::size_t bytes = read_at(file, place, piece)) {
    XXH3_128bits_update(&state, piece.data(), bytes);
    place += bytes;
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.low64, hash.high64};
}

std::string to_text(const Digest& digest) {
  char text[33];
  std::snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
  return text;
}

}  // namespace tl
