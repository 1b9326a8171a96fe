// Random views: the eight ways in which a square picture can be turned and mirrored. In the demo's
// pictures nothing depends on the direction, so each is as good a picture as the first.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/batch_source.h"
#include "engine/random.h"

namespace tl {

inline constexpr int kViews = 8;

/// x [side, side, channels] seen as `view`, one of 0 (as it is) ... kViews - 1, into y.
void turn_picture(const float* x, float* y, std::int64_t side, std::int64_t channels, int view);

/// The pictures [side, side, channels] of `next`, each in a view drawn from `random`.
BatchSource with_random_views(BatchSource next, std::int64_t side, std::int64_t channels,
                              Generator& random);

}  // namespace tl
