// sync_launches: whether every kernel launch is waited for, on the devices that could go on
// without. An error then comes out of the launch that caused it, and a kernel's time is its own.
#pragma once

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace tl {

/// At the start what TL_CUDA_SYNC says: off where it is absent, empty or 0. Work that is being
/// captured is never waited for.
inline std::atomic<bool> sync_launches = [] {
  const char* text = std::getenv("TL_CUDA_SYNC");
  return text && *text && std::string_view(text) != "0";
}();

}  // namespace tl
