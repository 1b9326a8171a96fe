// Upcoming: memory that will be read once a product is done, and what is fetched of it meanwhile.
//
// The processor looks ahead by itself only within a page of 4 KB, and along a few streams; products
// read fourteen rows at once. So each call of the microkernel is told of some lines to ask for
// between its multiplications, a few at a time.
#pragma once

#include <cstdint>

#include "kernels/cpu/blocking.h"

namespace tl::cpu {

/// Rows of whole lines, `step` floats apart, in slices that are `lines` wide: one after the other.
struct UpcomingRows {
  const float* from = nullptr;
  std::int64_t step = 0, rows = 0;
  std::int64_t lines = 2, slices = 1;

  std::int64_t slice_floats() const { return lines * kLineFloats; }
};

class Upcoming {
 public:
  Upcoming() = default;
  /// First the one, then the other.
  explicit Upcoming(const UpcomingRows& first, const UpcomingRows& second = {})
      : now_(first), then_(second) {}

  bool is_left() const { return now_.rows > 0; }

  /// Where the next `turns` rows of a slice begin, of which now() has step and lines: they are
  /// taken to be fetched. Where fewer are left, what lies behind them is, too.
  const float* take(std::int64_t turns) {
    const float* from = now_.from + row_ * now_.step;
    row_ += turns;
    if (row_ >= now_.rows) next_slice();
    return from;
  }
  const UpcomingRows& now() const { return now_; }

 private:
  void next_slice() {
    row_ = 0;
    now_.from += now_.slice_floats();
    if (--now_.slices > 0) return;
    now_ = then_;
    then_ = {};
  }

  UpcomingRows now_, then_;
  std::int64_t row_ = 0;
};

/// `floats` consecutive ones. As many rows again as those that are multiplied take less than
/// kFetchingPanels panels.
inline UpcomingRows upcoming_floats(const float* from, std::int64_t floats) {
  constexpr std::int64_t kStep = 2 * kLineFloats;
  return {from, kStep, (floats + kStep - 1) / kStep};
}
constexpr std::int64_t kFetchingPanels = 2;

/// `rows` rows of `floats` floats each, `step` apart.
inline UpcomingRows upcoming_rows(const float* from, std::int64_t floats, std::int64_t step,
                                  std::int64_t rows) {
  if (floats == step) return upcoming_floats(from, floats * rows);
  UpcomingRows some{from, step, rows};
  some.slices = (floats + some.slice_floats() - 1) / some.slice_floats();
  return some;
}

}  // namespace tl::cpu
