// What every harness does with the bytes that libFuzzer makes up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl::test {

/// What a file may cost: four times its size and 64 MB. More is a finding.
inline void check_cost(const WeightsFile& file, size_t file_bytes) {
  size_t bytes = 0;
  for (const auto& [name, array] : file.arrays) bytes += array.bytes();
  if (bytes > 4 * file_bytes + (size_t{64} << 20)) std::abort();
}

/// Names are fit to be printed, and every element can be read.
inline void touch(const WeightsFile& file) {
  volatile uint8_t sum = 0;
  for (const auto& [name, array] : file.arrays) {
    check_array_name(name);
    for (size_t i = 0; i < array.bytes(); ++i)
      sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(array.data.get()[i]));
  }
}

/// Bytes are arrays or an Error; anything else that `read` throws, and whatever it touches that it
/// should not, is a finding.
inline int fuzz(WeightsFile (*read)(const SharedBytes&), const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const SharedBytes file{{std::shared_ptr<void>(), bytes}, size};  // libFuzzer keeps them
  try {
    touch(read(file));
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace tl::test
