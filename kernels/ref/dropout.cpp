// dropout: the contract of kernels/dropout.h.
#include "kernels/philox.h"
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void run(Stream, const DropoutProblem& p, ConstView x_view, View y_view) {
  with_float_or_bf16("dropout", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    const std::uint64_t call = p.call + (p.call_offset ? *p.call_offset : 0);
    const auto scale = static_cast<Arithmetic<T>>(p.scale());
    for (std::int64_t i = 0; i < y_view.size; ++i) {
      const auto at = static_cast<std::uint64_t>(i);
      const std::uint32_t word = philox_block(p.seed, call, at / 4)[at % 4];
      y[i] = static_cast<T>(word >= p.threshold() ? x[i] * scale : 0);
    }
  });
}

}  // namespace

void install_dropout(Backend& b) { b.dropout.run = run; }

}  // namespace tl::ref
