// Numbers that are not finite.
#pragma once

#include <limits>

namespace tl::test {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace tl::test
