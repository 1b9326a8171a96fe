// row_forward, row_backward: how functions of whole rows, softmax and log_softmax, come into their
// slots. A function is two plain structs, each with a __device__ operator() on the rows of a team
// (row.cuh); S is the shape of the team:
//
//   struct Forward {
//     template <class T, class S> __device__ void operator()(const Row<T, 1, S>& x, T* y) const;
//   };
//   struct Backward {
//     template <class T, class S> __device__ void operator()(const Row<T, 2, S>& y_dy, T* dx)
//     const;
//   };
#pragma once

#include <cstdint>

#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/row.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

template <class Function, class T>
struct RowForward {
  const T* x;
  T* y;
  std::int64_t columns;

  template <class S>
  __device__ void operator()(std::int64_t begin) const {
    Function()(Row<T, 1, S>(columns, {x + begin}), y + begin);
  }
};

template <class Function, class T>
struct RowBackward {
  const T* y;
  const T* dy;
  T* dx;
  std::int64_t columns;

  template <class S>
  __device__ void operator()(std::int64_t begin) const {
    Function()(Row<T, 2, S>(columns, {y + begin, dy + begin}), dx + begin);
  }
};

/// A slot that computes y [rows, columns] from x.
template <class Function>
auto row_forward(const char* op) {
  return [=](Stream stream, std::int64_t columns, ConstView x_view, View y_view) {
    with_f32_or_bf16(op, y_view.dtype, [&]<class T>(T) {
      const RowForward<Function, T> kernel = {x_view.as<T>(), y_view.as<T>(), columns};
      if (y_view.size == 0) return;
      run_rows<T>(stream, kernel, y_view.size / columns, columns, {kernel.x, kernel.y});
    });
  };
}

/// A slot that computes dx [rows, columns] from y and dy.
template <class Function>
auto row_backward(const char* op) {
  return
      [=](Stream stream, std::int64_t columns, ConstView y_view, ConstView dy_view, View dx_view) {
        with_f32_or_bf16(op, dx_view.dtype, [&]<class T>(T) {
          const RowBackward<Function, T> kernel = {y_view.as<T>(), dy_view.as<T>(), dx_view.as<T>(),
                                                   columns};
          if (dx_view.size == 0) return;
          run_rows<T>(stream, kernel, dx_view.size / columns, columns,
                      {kernel.y, kernel.dy, kernel.dx});
        });
      };
}

}  // namespace tl::TL_DEVICE_NAMESPACE
