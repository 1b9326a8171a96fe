// The parameters that the optimizers' kernels are tested on.
#pragma once

#include <cstdint>

namespace tl::test {

/// Some empty or tiny, one longer than a chunk and no multiple of it.
inline constexpr std::int64_t kParameterSizes[] = {1, 0, 17, 40001, 64, 16385};

}  // namespace tl::test
