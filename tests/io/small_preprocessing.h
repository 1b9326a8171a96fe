// What the tests that load many pictures ask of each.
#pragma once

#include "io/preprocess.h"

namespace tl::test {

inline Preprocessing small_preprocessing() {
  Preprocessing preprocessing;
  preprocessing.resize = 12;
  preprocessing.crop = 8;
  return preprocessing;
}

}  // namespace tl::test
