// max_pool2d: the contract of kernels/max_pool2d.h.
#include <algorithm>
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void forward(Stream, const MaxPool2dProblem& p, ConstView x_view, View y_view, View position_view) {
  with_float("max_pool2d.forward", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    std::int32_t* position = position_view ? position_view.as<std::int32_t>() : nullptr;
    std::int64_t k = 0;  // index of the output
    for (std::int64_t n = 0; n < p.n; ++n) {
      for (std::int64_t oh = 0; oh < p.out_h(); ++oh) {
        for (std::int64_t ow = 0; ow < p.out_w(); ++ow) {
          const std::int64_t top = oh * p.stride - p.pad, left = ow * p.stride - p.pad;
          const std::int64_t first_h = std::max<std::int64_t>(top, 0);
          const std::int64_t first_w = std::max<std::int64_t>(left, 0);
          const std::int64_t end_h = std::min(top + p.kernel, p.h);
          const std::int64_t end_w = std::min(left + p.kernel, p.w);
          for (std::int64_t c = 0; c < p.c; ++c, ++k) {
            const auto at = [&](std::int64_t h, std::int64_t w) {
              return x[((n * p.h + h) * p.w + w) * p.c + c];
            };
            std::int64_t best_h = first_h, best_w = first_w;
            for (std::int64_t h = first_h; h < end_h; ++h) {
              for (std::int64_t w = first_w; w < end_w; ++w) {
                const T value = at(h, w), best = at(best_h, best_w);
                if (value > best || (std::isnan(value) && !std::isnan(best))) {
                  best_h = h;
                  best_w = w;
                }
              }
            }
            y[k] = at(best_h, best_w);
            if (position) position[k] = static_cast<std::int32_t>(best_h * p.w + best_w);
          }
        }
      }
    }
  });
}

void backward(Stream, const MaxPool2dProblem& p, ConstView dy_view, ConstView position_view,
              View dx_view) {
  with_float("max_pool2d.backward", dx_view.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    const std::int32_t* position = position_view.as<std::int32_t>();
    T* dx = dx_view.as<T>();
    std::fill_n(dx, p.x_size(), T{0});
    std::int64_t k = 0;
    for (std::int64_t n = 0; n < p.n; ++n) {
      for (std::int64_t i = 0; i < p.out_h() * p.out_w(); ++i) {
        for (std::int64_t c = 0; c < p.c; ++c, ++k) {
          dx[(n * p.h * p.w + position[k]) * p.c + c] += dy[k];
        }
      }
    }
  });
}

}  // namespace

void install_max_pool2d(Backend& b) {
  b.max_pool2d.forward = forward;
  b.max_pool2d.backward = backward;
}

}  // namespace tl::ref
