// stratified_split: pictures for validation taken out of those for training, class by class.
#pragma once

#include <cstdint>
#include <vector>

#include "io/dataset.h"

namespace tl {

/// Throws Error unless 0 <= fraction < 1.
void check_val_fraction(double fraction);

/// Moves part of `train` to `val`: of every class with n pictures round(fraction * n), at least one
/// unless the fraction is 0, and never all. Which ones, the seed, the class's label and n decide,
/// equally on every platform. Both lists keep the order of `train`.
void stratified_split(std::vector<Sample>& train, std::vector<Sample>& val, double fraction,
                      uint64_t seed);

}  // namespace tl
