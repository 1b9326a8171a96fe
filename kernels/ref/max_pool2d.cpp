// max_pool2d "naive": the contract of kernels/max_pool2d.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/ref/install.h"
#include "kernels/ref/store.h"

namespace tl::ref {
namespace {

bool supports(const MaxPool2dProblem& p) { return is_float(p.dtype); }

void forward(Stream, const MaxPool2dProblem& p, const MaxPool2dForwardArgs& args) {
  with_float_or_bf16("max_pool2d.forward", p.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    std::int32_t* position = p.positions ? args.position.as<std::int32_t>() : nullptr;
    std::int64_t k = 0;  // index of the output
    for (std::int64_t n = 0; n < p.n; ++n) {
      for (std::int64_t oh = 0; oh < p.out_h(); ++oh) {
        for (std::int64_t ow = 0; ow < p.out_w(); ++ow) {
          for (std::int64_t c = 0; c < p.c; ++c, ++k) {
            A best = -std::numeric_limits<A>::infinity();
            std::int64_t best_at = -1;
            for (std::int64_t r = 0; r < p.kernel_h; ++r) {
              const std::int64_t h = oh * p.stride_h - p.pad_h + r * p.dilation_h;
              if (h < 0 || h >= p.h) continue;
              for (std::int64_t s = 0; s < p.kernel_w; ++s) {
                const std::int64_t w = ow * p.stride_w - p.pad_w + s * p.dilation_w;
                if (w < 0 || w >= p.w) continue;
                const A value = x[((n * p.h + h) * p.w + w) * p.c + c];
                const bool first = best_at < 0;
                if (first || value > best || (std::isnan(value) && !std::isnan(best))) {
                  best = value;
                  best_at = h * p.w + w;
                }
              }
            }
            y[k] = static_cast<T>(best);
            if (position) position[k] = static_cast<std::int32_t>(best_at);
          }
        }
      }
    }
  });
}

void backward(Stream, const MaxPool2dProblem& p, const MaxPool2dBackwardArgs& args) {
  with_float_or_bf16("max_pool2d.backward", p.dtype, [&]<class T>(T) {
    const T* dy = args.dy.as<T>();
    const std::int32_t* position = args.position.as<std::int32_t>();
    std::vector<Arithmetic<T>> sums(static_cast<std::size_t>(p.x_size()));
    std::int64_t k = 0;
    for (std::int64_t n = 0; n < p.n; ++n) {
      for (std::int64_t i = 0; i < p.out_h() * p.out_w(); ++i) {
        for (std::int64_t c = 0; c < p.c; ++c, ++k) {
          if (position[k] < 0) continue;
          const std::int64_t at = (n * p.h * p.w + position[k]) * p.c + c;
          sums[static_cast<std::size_t>(at)] += dy[k];
        }
      }
    }
    store(sums, args.dx.as<T>());
  });
}

}  // namespace

void install_max_pool2d(Backend& b) {
  b.max_pool2d.forward.add({.name = "naive", .supports = supports, .run = forward});
  b.max_pool2d.backward.add({.name = "naive", .supports = supports, .run = backward});
}

}  // namespace tl::ref
