// Extent2: a number for heights and one for widths; one number alone stands for both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>

namespace tl {

struct Extent2 {
  std::int64_t h, w;

  constexpr Extent2(std::int64_t both) : h(both), w(both) {}  // NOLINT: `.stride = 2`
  constexpr Extent2(std::int64_t of_heights, std::int64_t of_widths)
      : h(of_heights), w(of_widths) {}

  constexpr std::int64_t least() const { return std::min(h, w); }
  friend bool operator==(const Extent2&, const Extent2&) = default;
};

/// "3" or "3x5".
inline std::ostream& operator<<(std::ostream& out, const Extent2& x) {
  out << x.h;
  return x.w == x.h ? out : out << "x" << x.w;
}

}  // namespace tl
