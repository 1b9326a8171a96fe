// average_pool2d "naive": the contract of kernels/average_pool2d.h.
#include <vector>

#include "kernels/ref/install.h"
#include "kernels/ref/store.h"

namespace tl::ref {
namespace {

/// Calls f(index of y, window of rows, window of columns, n, c) for every element of y, in the
/// order of memory.
template <class F>
void for_each_window(const AveragePool2dProblem& p, const F& f) {
  std::int64_t k = 0;
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t oh = 0; oh < p.rows.outputs; ++oh) {
      for (std::int64_t ow = 0; ow < p.columns.outputs; ++ow) {
        for (std::int64_t c = 0; c < p.c; ++c) {
          f(k++, p.rows.window(oh), p.columns.window(ow), n, c);
        }
      }
    }
  }
}

std::int64_t x_index(const AveragePool2dProblem& p, std::int64_t n, std::int64_t h, std::int64_t w,
                     std::int64_t c) {
  return ((n * p.rows.size + h) * p.columns.size + w) * p.c + c;
}

bool supports(const AveragePool2dProblem& p) { return is_float(p.dtype); }

void forward(Stream, const AveragePool2dProblem& p, const AveragePool2dForwardArgs& args) {
  with_float_or_bf16("average_pool2d.forward", p.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    for_each_window(p, [&](std::int64_t k, const AverageWindow& rows, const AverageWindow& columns,
                           std::int64_t n, std::int64_t c) {
      A sum = 0;
      for (std::int64_t h = rows.begin; h < rows.end; ++h) {
        A row = 0;
        for (std::int64_t w = columns.begin; w < columns.end; ++w) row += x[x_index(p, n, h, w, c)];
        sum += row;
      }
      y[k] = static_cast<T>(sum / static_cast<A>(rows.count * columns.count));
    });
  });
}

void backward(Stream, const AveragePool2dProblem& p, const AveragePool2dBackwardArgs& args) {
  with_float_or_bf16("average_pool2d.backward", p.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* dy = args.dy.as<T>();
    std::vector<A> sums(static_cast<std::size_t>(p.x_size()));
    for_each_window(p, [&](std::int64_t k, const AverageWindow& rows, const AverageWindow& columns,
                           std::int64_t n, std::int64_t c) {
      const A share = dy[k] / static_cast<A>(rows.count * columns.count);
      for (std::int64_t h = rows.begin; h < rows.end; ++h) {
        for (std::int64_t w = columns.begin; w < columns.end; ++w) {
          sums[static_cast<std::size_t>(x_index(p, n, h, w, c))] += share;
        }
      }
    });
    store(sums, args.dx.as<T>());
  });
}

}  // namespace

void install_average_pool2d(Backend& b) {
  b.average_pool2d.forward.add({.name = "naive", .supports = supports, .run = forward});
  b.average_pool2d.backward.add({.name = "naive", .supports = supports, .run = backward});
}

}  // namespace tl::ref
