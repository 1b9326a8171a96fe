// cross_entropy: the contract of kernels/cross_entropy.h.
#include <algorithm>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void forward(Stream, std::int64_t columns, ConstView log_p_view, ConstView label_view,
             View loss_view) {
  with_float("cross_entropy.forward", loss_view.dtype, [&]<class T>(T) {
    const T* log_p = log_p_view.as<T>();
    const std::int32_t* label = label_view.as<std::int32_t>();
    const std::int64_t rows = label_view.size;
    double sum = 0;
    for (std::int64_t i = 0; i < rows; ++i) sum += log_p[i * columns + label[i]];
    *loss_view.as<T>() = static_cast<T>(-sum / static_cast<double>(rows));
  });
}

void backward(Stream, std::int64_t columns, ConstView label_view, ConstView dloss_view,
              View dlog_p_view) {
  if (dlog_p_view.size == 0) return;
  with_float("cross_entropy.backward", dlog_p_view.dtype, [&]<class T>(T) {
    const std::int32_t* label = label_view.as<std::int32_t>();
    const std::int64_t rows = label_view.size;
    const T share = -*dloss_view.as<T>() / static_cast<T>(rows);
    T* dlog_p = dlog_p_view.as<T>();
    std::fill_n(dlog_p, dlog_p_view.size, T{0});
    for (std::int64_t i = 0; i < rows; ++i) dlog_p[i * columns + label[i]] = share;
  });
}

}  // namespace

void install_cross_entropy(Backend& b) {
  b.cross_entropy.forward = forward;
  b.cross_entropy.backward = backward;
}

}  // namespace tl::ref
