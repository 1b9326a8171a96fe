// for_each_row: the loop of functions of whole rows: softmax, log_softmax.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace tl::ref {

/// Calls f.operator()<T, A>(i) with the index of the first element of each row of y, T the type of
/// the elements, A that of the mathematics.
template <class F>
void for_each_row(const char* op, std::int64_t columns, const View& y, const F& f) {
  with_float_or_bf16(op, y.dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < y.size; i += columns) {
      f.template operator()<T, Arithmetic<T>>(i);
    }
  });
}

}  // namespace tl::ref
