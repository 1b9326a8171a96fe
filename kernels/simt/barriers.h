// __syncthreads and its voting forms. The default argument records the place of the call.
#pragma once

#include <source_location>

#include "kernels/simt/scheduler.h"

namespace tl::simt {

using Place = std::source_location;

inline void __syncthreads(Place place = Place::current()) {
  running_scheduler("__syncthreads").meet_block(false, place);
}
inline int __syncthreads_count(int predicate, Place place = Place::current()) {
  return running_scheduler("__syncthreads_count").meet_block(predicate != 0, place);
}
inline int __syncthreads_or(int predicate, Place place = Place::current()) {
  return __syncthreads_count(predicate, place) > 0;
}
inline int __syncthreads_and(int predicate, Place place = Place::current()) {
  return __syncthreads_count(!predicate, place) == 0;
}

}  // namespace tl::simt
