// store: how a kernel ends that adds into many elements at a time. Its sums are in the type that it
// computes in; each is rounded once, when it becomes an element of y.
#pragma once

#include <algorithm>
#include <vector>

namespace tl::ref {

/// y[i] = sums[i]
template <class A, class T>
void store(const std::vector<A>& sums, T* y) {
  std::transform(sums.begin(), sums.end(), y, [](A sum) { return static_cast<T>(sum); });
}

}  // namespace tl::ref
