// cross_entropy: forward reads one number per row, so it is neither vectorised nor cut up;
// backward is a fill with one other number per row.
#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/ranges.h"

namespace tl::cpu {
namespace {

void forward(Stream, std::int64_t columns, ConstView log_p_view, ConstView label_view, View loss) {
  const char* op = "cross_entropy.forward";
  const float* log_p = floats(op, log_p_view);
  const std::int32_t* label = label_view.as<std::int32_t>();
  double sum = 0;
  for (std::int64_t i = 0; i < label_view.size; ++i) sum += log_p[i * columns + label[i]];
  *floats(op, loss) = static_cast<float>(-sum / static_cast<double>(label_view.size));
}

void backward(Stream, std::int64_t columns, ConstView label_view, ConstView dloss,
              View dlog_p_view) {
  const char* op = "cross_entropy.backward";
  if (dlog_p_view.size == 0) return;
  const std::int32_t* label = label_view.as<std::int32_t>();
  const std::int64_t rows = label_view.size;
  const float share = -*floats(op, dloss) / static_cast<float>(rows);
  float* dlog_p = floats(op, dlog_p_view);
  parallel_ranges(rows, rows_per_chunk(columns), [=](Range chunk) {
    std::fill(dlog_p + chunk.begin * columns, dlog_p + chunk.end * columns, 0.0f);
    for (std::int64_t i = chunk.begin; i < chunk.end; ++i) dlog_p[i * columns + label[i]] = share;
  });
}

}  // namespace

void install_cross_entropy(Backend& b) {
  b.cross_entropy.forward = forward;
  b.cross_entropy.backward = backward;
}

}  // namespace tl::cpu
