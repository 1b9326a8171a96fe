// Which yardsticks this build has.
#pragma once

#include <string>
#include <vector>

#include "apps/bench/yardsticks/yardstick.h"

namespace tl {

/// What there is of oneDNN and OpenBLAS, on as many threads as parallel_for uses and held to the
/// SIMD target in force. One that was not built, or does not load, is missing; why is added to
/// `missing`.
std::vector<Yardstick*> open_yardsticks(std::vector<std::string>& missing);

}  // namespace tl
