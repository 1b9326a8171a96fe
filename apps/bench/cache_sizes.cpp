#include "apps/bench/cache_sizes.h"

#include <fstream>

namespace tl {
namespace {

std::string first_word(const std::string& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

/// "48K", "2M" or a number of bytes.
std::int64_t bytes_of(const std::string& text) {
  std::int64_t bytes = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') bytes = 10 * bytes + (c - '0');
    if (c == 'K') bytes <<= 10;
    if (c == 'M') bytes <<= 20;
  }
  return bytes;
}

}  // namespace

CacheSizes cache_sizes(const std::string& folder) {
  CacheSizes found{.l1 = 0, .l2 = 0, .l3 = 0};
  for (int i = 0;; ++i) {
    const std::string cache = folder + "/index" + std::to_string(i) + "/";
    const std::string level = first_word(cache + "level"), type = first_word(cache + "type");
    if (level.empty()) break;
    if (type == "Instruction") continue;
    const std::int64_t bytes = bytes_of(first_word(cache + "size"));
    if (level == "1") found.l1 = bytes;
    if (level == "2") found.l2 = bytes;
    if (level == "3") found.l3 = bytes;
  }
  return found.l1 > 0 && found.l2 > 0 ? found : CacheSizes();
}

}  // namespace tl
