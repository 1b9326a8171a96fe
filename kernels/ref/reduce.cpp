// reduce: the contract of kernels/reduce.h.
#include <algorithm>
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

/// Whether x is larger (max) or smaller (min) than `best`; NaN is both.
template <class T>
bool beats(ReduceOp op, T x, T best) {
  if (std::isnan(best)) return false;
  return std::isnan(x) || (op == ReduceOp::max ? x > best : x < best);
}

void run(Stream, const ReduceProblem& p, const ReduceArgs& args) {
  check(p.op == ReduceOp::sum || p.count > 0 || p.y_size() == 0, "reduce: ", p,
        ": nothing has no largest or smallest element");
  with_float_or_bf16("reduce", p.dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    std::int32_t* position = p.positions ? args.position.as<std::int32_t>() : nullptr;
    for (std::int64_t o = 0; o < p.outer; ++o) {
      for (std::int64_t i = 0; i < p.inner; ++i) {
        const T* from = x + o * p.count * p.inner + i;
        const std::int64_t to = o * p.inner + i;
        Arithmetic<T> sum = 0;
        std::int64_t best = 0;
        for (std::int64_t k = 0; k < p.count; ++k) {
          if (p.op == ReduceOp::sum) sum += from[k * p.inner];
          if (beats<Arithmetic<T>>(p.op, from[k * p.inner], from[best * p.inner])) best = k;
        }
        y[to] = p.op == ReduceOp::sum ? static_cast<T>(sum) : from[best * p.inner];
        if (position) position[to] = static_cast<std::int32_t>(best);
      }
    }
  });
}

void scatter(Stream, const ReduceProblem& p, ConstView dy_view, ConstView position_view,
             View dx_view) {
  with_float_or_bf16("reduce.scatter", p.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    const auto* position = position_view.as<std::int32_t>();
    T* dx = dx_view.as<T>();
    std::fill_n(dx, p.x_size(), static_cast<T>(0));
    for (std::int64_t o = 0; o < p.outer; ++o) {
      for (std::int64_t i = 0; i < p.inner; ++i) {
        const std::int64_t from = o * p.inner + i;
        dx[(o * p.count + position[from]) * p.inner + i] = dy[from];
      }
    }
  });
}

bool supports(const ReduceProblem& p) { return is_float(p.dtype); }

}  // namespace

void install_reduce(Backend& b) {
  b.reduce.run.add({.name = "naive", .supports = supports, .run = run});
  b.reduce.scatter = scatter;
}

}  // namespace tl::ref
