// What a model file says of three classes, one of them of an awkward name.
#pragma once

#include "apps/model_file.h"

namespace tl::test {

inline ModelInfo info_of_three() {
  ModelInfo info{{"ant", "bee", "naïve \"quoted\""}, {}};
  info.preprocessing.crop = 96;
  return info;
}

}  // namespace tl::test
