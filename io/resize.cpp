// The two passes of a resize: columns, which turns the input rows that the window needs into rows
// of the window's width, then rows. Compiled once per SIMD target by Highway; all targets give the
// same bits, for the arithmetic is integer.
#include "io/resize.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/error.h"
#include "kernels/resize_weights.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "io/resize.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tl {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int32_t half = 1 << (resize_weight_bits - 1);

/// One row of 3-channel pixels: x -> y, one output pixel after the other with the channels in the
/// lanes of a vector. Reads and writes one byte past the last pixel.
#if HWY_TARGET == HWY_SCALAR
void resize_row(const uint8_t* x, const ResizeWeights& table, uint8_t* y) {
  for (int64_t i = 0; i < table.size(); ++i) {
    const uint8_t* pixel = x + 3 * table.first[static_cast<size_t>(i)];
    const int32_t* weight = table.weights.data() + i * table.stride;
    const int64_t count = table.count[static_cast<size_t>(i)];
    for (int64_t channel = 0; channel < 3; ++channel) {
      int32_t sum = half;
      for (int64_t t = 0; t < count; ++t) sum += weight[t] * pixel[3 * t + channel];
      y[3 * i + channel] = static_cast<uint8_t>(std::clamp(sum >> resize_weight_bits, 0, 255));
    }
  }
}
#else
void resize_row(const uint8_t* x, const ResizeWeights& table, uint8_t* y) {
  const hn::FixedTag<int32_t, 4> d32;
  const hn::FixedTag<uint8_t, 4> d8;
  for (int64_t i = 0; i < table.size(); ++i, y += 3) {
    const uint8_t* pixel = x + 3 * table.first[static_cast<size_t>(i)];
    const int32_t* weight = table.weights.data() + i * table.stride;
    const int64_t count = table.count[static_cast<size_t>(i)];
    // Two sums, for the additions of one would wait for each other.
    auto even = hn::Set(d32, half);
    auto odd = hn::Zero(d32);
    int64_t t = 0;
    for (; t + 2 <= count; t += 2, pixel += 6) {
      const auto x0 = hn::PromoteTo(d32, hn::LoadU(d8, pixel));
      const auto x1 = hn::PromoteTo(d32, hn::LoadU(d8, pixel + 3));
      even = hn::Add(even, hn::Mul(x0, hn::Set(d32, weight[t])));
      odd = hn::Add(odd, hn::Mul(x1, hn::Set(d32, weight[t + 1])));
    }
    if (t < count) {
      const auto x0 = hn::PromoteTo(d32, hn::LoadU(d8, pixel));
      even = hn::Add(even, hn::Mul(x0, hn::Set(d32, weight[t])));
    }
    const auto sum = hn::ShiftRight<resize_weight_bits>(hn::Add(even, odd));
    hn::StoreU(hn::DemoteTo(d8, sum), d8, y);
  }
}
#endif

/// One output row from `count` input rows that lie `stride` bytes apart: y[i] = sum of weight[t] *
/// row t.
void blend_rows(const uint8_t* x, size_t stride, const int32_t* weight, int64_t count, size_t bytes,
                uint8_t* y) {
  const hn::ScalableTag<int32_t> d32;
  const hn::Rebind<uint8_t, decltype(d32)> d8;
  const size_t lanes = hn::Lanes(d32);
  size_t i = 0;
  for (; i + 2 * lanes <= bytes; i += 2 * lanes) {
    auto sum0 = hn::Set(d32, half);
    auto sum1 = hn::Set(d32, half);
    for (int64_t t = 0; t < count; ++t) {
      const uint8_t* row = x + static_cast<size_t>(t) * stride + i;
      const auto w = hn::Set(d32, weight[t]);
      sum0 = hn::Add(sum0, hn::Mul(w, hn::PromoteTo(d32, hn::LoadU(d8, row))));
      sum1 = hn::Add(sum1, hn::Mul(w, hn::PromoteTo(d32, hn::LoadU(d8, row + lanes))));
    }
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<resize_weight_bits>(sum0)), d8, y + i);
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<resize_weight_bits>(sum1)), d8, y + i + lanes);
  }
  for (; i < bytes; ++i) {
    int32_t sum = half;
    for (int64_t t = 0; t < count; ++t) sum += weight[t] * x[static_cast<size_t>(t) * stride + i];
    y[i] = static_cast<uint8_t>(std::clamp(sum >> resize_weight_bits, 0, 255));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tl
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl {
namespace {

HWY_EXPORT(resize_row);
HWY_EXPORT(blend_rows);

/// Some rows of pixels with one spare byte behind the last.
struct Rows {
  int64_t first = 0;    // the row of the picture that the first of these is
  size_t stride = 0;    // bytes from row to row
  const uint8_t* data;  // row `first`
};

/// Rows [begin, end) of x resized in width: columns [window.left, + window.width) of the result.
std::vector<uint8_t> resize_columns(const Image& x, int64_t width, const Window& window,
                                    int64_t begin, int64_t end) {
  const auto in_stride = static_cast<size_t>(x.width) * 3;
  const auto out_stride = static_cast<size_t>(window.width) * 3;
  std::vector<uint8_t> y(static_cast<size_t>(end - begin) * out_stride + 1);
  const auto row_of = [&](int64_t row) {
    return x.rgb.data() + static_cast<size_t>(row) * in_stride;
  };
  if (width == x.width) {  // a pass that changes nothing is skipped
    for (int64_t row = begin; row < end; ++row) {
      std::memcpy(y.data() + static_cast<size_t>(row - begin) * out_stride,
                  row_of(row) + 3 * window.left, out_stride);
    }
    return y;
  }
  const ResizeWeights table = bilinear_weights(x.width, width, window.left, window.width);
  for (int64_t row = begin; row < end; ++row) {
    uint8_t* target = y.data() + static_cast<size_t>(row - begin) * out_stride;
    if (row + 1 < x.height) {
      HWY_DYNAMIC_DISPATCH(resize_row)(row_of(row), table, target);
    } else {  // resize_row looks one byte past its row, and behind the last there is none
      std::vector<uint8_t> last(in_stride + 1);
      std::memcpy(last.data(), row_of(row), in_stride);
      HWY_DYNAMIC_DISPATCH(resize_row)(last.data(), table, target);
    }
  }
  return y;
}

}  // namespace

Image resize_bilinear(const Image& x, int64_t height, int64_t width, const Window& window) {
  check(x.height > 0 && x.width > 0 && height > 0 && width > 0, "resize: from ", x.height, " x ",
        x.width, " to ", height, " x ", width, ", sizes must be positive");
  check(window.height > 0 && window.width > 0 && window.top >= 0 && window.left >= 0 &&
            window.top <= height - window.height && window.left <= width - window.width,
        "resize: window ", window.height, " x ", window.width, " at (", window.top, ", ",
        window.left, ") leaves the picture of ", height, " x ", width);
  Image y{window.height, window.width, {}};
  const auto stride = static_cast<size_t>(window.width) * 3;

  if (height == x.height) {
    y.rgb = resize_columns(x, width, window, window.top, window.top + window.height);
    y.rgb.resize(static_cast<size_t>(window.height) * stride);
    return y;
  }
  const ResizeWeights table = bilinear_weights(x.height, height, window.top, window.height);
  const int64_t begin = table.begin();
  const std::vector<uint8_t> rows = resize_columns(x, width, window, begin, table.end());
  y.rgb.resize(static_cast<size_t>(window.height) * stride);
  for (int64_t i = 0; i < window.height; ++i) {
    const auto first = static_cast<size_t>(table.first[static_cast<size_t>(i)] - begin);
    HWY_DYNAMIC_DISPATCH(blend_rows)
    (rows.data() + first * stride, stride, table.weights.data() + i * table.stride,
     table.count[static_cast<size_t>(i)], stride, y.rgb.data() + static_cast<size_t>(i) * stride);
  }
  return y;
}

Image resize_bilinear(const Image& x, int64_t height, int64_t width) {
  return resize_bilinear(x, height, width, {0, 0, height, width});
}

}  // namespace tl
#endif  // HWY_ONCE
