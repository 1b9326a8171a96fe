// What every harness does with the bytes that libFuzzer makes up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl::test {

/// Bytes are arrays or an Error; anything else that `read` throws, and whatever it touches that it
/// should not, is a finding.
inline int fuzz(WeightsFile (*read)(const SharedBytes&), const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const SharedBytes file{{std::shared_ptr<void>(), bytes}, size};  // libFuzzer keeps them
  try {
    volatile uint8_t sum = 0;
    for (const auto& [name, array] : read(file).arrays) {
      check_array_name(name);
      for (size_t i = 0; i < array.bytes(); ++i)
        sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(array.data.get()[i]));
    }
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace tl::test
