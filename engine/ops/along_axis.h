// along_axis: how an op whose kernel works on rows works along any axis.
#pragma once

#include <numeric>
#include <utility>
#include <vector>

#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {

/// f(x), where f works along the last axis, or the same along another one: by way of transposes,
/// which are ops of their own on the tape.
template <class F>
Tensor along_axis(const char* op, const Tensor& x, int axis, const F& f) {
  const int from_front = checked_axis(op, x.shape(), axis);
  if (from_front == x.rank() - 1) return f(x);
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<std::size_t>(from_front)], order.back());
  return transpose(f(transpose(x, order)), order);  // the swap is its own opposite
}

}  // namespace tl
