// Contract of average_pool2d: the mean of each window, the windows sliding or adaptive.
//
//   y[n, oh, ow, c] = (sum over h in rows.window(oh) of (sum over w in columns.window(ow) of
//                        x[n, h, w, c])) / (rows.window(oh).count * columns.window(ow).count)
//   dx[n, h, w, c] = sum over oh, ow whose windows hold h and w of
//                        dy[n, oh, ow, c] / (rows.window(oh).count * columns.window(ow).count)
//
// x, dx [n, h, w, c] with h = rows.size, w = columns.size; y, dy [n, oh, ow, c]; one float dtype.
// No window is empty: size >= 1; sliding, 2 pad <= kernel. Outputs are overwritten and
// alias nothing. Deterministic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>

#include "kernels/pool_outputs.h"
#include "kernels/variant.h"

namespace tl {

/// One window along one axis: the elements [begin, end) of x, and what their sum is divided by.
struct AverageWindow {
  std::int64_t begin, end, count;
};

/// The windows along one axis, as PyTorch places them. Made by sliding() or adaptive().
struct AverageAxis {
  std::int64_t size = 1, outputs = 1;
  std::int64_t kernel = 0, stride = 1, pad = 0;  ///< kernel 0: adaptive
  bool count_include_pad = true;

  /// `kernel` elements every `stride`, over `size` elements between `pad` zeros on either side.
  /// The zeros count as elements or not; what a last window of `ceil_mode` has beyond them never.
  static constexpr AverageAxis sliding(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                       std::int64_t pad, bool ceil_mode, bool count_include_pad) {
    const std::int64_t outputs = pool_outputs(size, kernel, stride, pad, 1, ceil_mode);
    return {size, outputs, kernel, stride, pad, count_include_pad};
  }
  /// `outputs` windows that cover `size` elements as evenly as whole elements allow; neighbours
  /// overlap where they do not divide: [floor(o size / outputs), ceil((o + 1) size / outputs)).
  static constexpr AverageAxis adaptive(std::int64_t size, std::int64_t outputs) {
    return {.size = size, .outputs = outputs};
  }

  constexpr AverageWindow window(std::int64_t o) const {
    if (kernel == 0) {
      const std::int64_t begin = o * size / outputs;
      const std::int64_t end = ((o + 1) * size + outputs - 1) / outputs;
      return {begin, end, end - begin};
    }
    const std::int64_t first = o * stride - pad, past = std::min(first + kernel, size + pad);
    const std::int64_t begin = std::max<std::int64_t>(first, 0), end = std::min(past, size);
    return {begin, end, count_include_pad ? past - first : end - begin};
  }
  /// The windows that hold element i are those from first_over(i) to before end_over(i).
  constexpr std::int64_t first_over(std::int64_t i) const {
    if (kernel == 0) return i * outputs / size;
    const std::int64_t before = i + pad - kernel;  // the last element that window 0 has left behind
    return before < 0 ? 0 : before / stride + 1;
  }
  constexpr std::int64_t end_over(std::int64_t i) const {
    if (kernel == 0) return ((i + 1) * outputs + size - 1) / size;
    return std::min((i + pad) / stride + 1, outputs);
  }
};

struct AveragePool2dProblem {
  std::int64_t n = 1, c = 1;
  AverageAxis rows, columns;
  DType dtype = DType::f32;

  std::int64_t x_size() const { return n * rows.size * columns.size * c; }
  std::int64_t y_size() const { return n * rows.outputs * columns.outputs * c; }
  /// Of x and y (in backward dy and dx), each once.
  double bytes() const {
    return static_cast<double>(x_size() + y_size()) * static_cast<double>(size_of(dtype));
  }
};

std::ostream& operator<<(std::ostream& out, const AveragePool2dProblem& p);

struct AveragePool2dForwardArgs {
  ConstView x;
  View y;
  View workspace;
};

struct AveragePool2dBackwardArgs {
  ConstView dy;
  View dx;
  View workspace;
};

struct AveragePool2dKernels {
  VariantSlot<AveragePool2dProblem, AveragePool2dForwardArgs> forward{"average_pool2d.forward"};
  VariantSlot<AveragePool2dProblem, AveragePool2dBackwardArgs> backward{"average_pool2d.backward"};
};

}  // namespace tl
