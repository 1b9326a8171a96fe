// global_average_pool: the contract of kernels/global_average_pool.h.
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void global_average_pool_forward(Stream, const GlobalAveragePoolProblem& p, ConstView x_view,
                                 View y_view) {
  with_float_or_bf16("global_average_pool.forward", y_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t n = 0; n < p.n; ++n) {
      for (std::int64_t c = 0; c < p.c; ++c) {
        A sum = 0;
        for (std::int64_t h = 0; h < p.h; ++h) {
          A row = 0;
          for (std::int64_t w = 0; w < p.w; ++w) row += x[((n * p.h + h) * p.w + w) * p.c + c];
          sum += row;
        }
        y[n * p.c + c] = static_cast<T>(sum / static_cast<A>(p.pixels()));
      }
    }
  });
}

void global_average_pool_backward(Stream, const GlobalAveragePoolProblem& p, ConstView dy_view,
                                  View dx_view) {
  with_float_or_bf16("global_average_pool.backward", dx_view.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    T* dx = dx_view.as<T>();
    const auto pixels = static_cast<Arithmetic<T>>(p.pixels());
    for (std::int64_t n = 0; n < p.n; ++n) {
      for (std::int64_t i = 0; i < p.pixels(); ++i) {
        for (std::int64_t c = 0; c < p.c; ++c) {
          dx[(n * p.pixels() + i) * p.c + c] = static_cast<T>(dy[n * p.c + c] / pixels);
        }
      }
    }
  });
}

}  // namespace

void install_global_average_pool(Backend& b) {
  b.global_average_pool.forward = global_average_pool_forward;
  b.global_average_pool.backward = global_average_pool_backward;
}

}  // namespace tl::ref
