// The windows of our poolings as cuDNN's resampling counts them: as many as fit between the padding
// in front and behind. No cuDNN in this header.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "kernels/average_pool2d.h"
#include "kernels/max_pool2d.h"

namespace tl::vendor {

enum class PoolMode : std::int64_t {
  max,            ///< of the elements in the window; NaN counts as largest
  mean_of_all,    ///< the sum divided by the window's size: padding counts as zeros
  mean_of_inner,  ///< divided by how many elements of the window lie within x
};

/// Of h and w.
struct PoolWindows {
  PoolMode mode;
  std::array<std::int64_t, 2> window, stride, before, after;
};

/// The padding behind x that the last of `outputs` windows reaches into: with as much, cuDNN
/// counts as many windows as the contract, `ceil_mode` or not.
constexpr std::int64_t padding_after(std::int64_t size, std::int64_t outputs, std::int64_t window,
                                     std::int64_t stride, std::int64_t before) {
  return std::max<std::int64_t>((outputs - 1) * stride + window - before - size, 0);
}

/// nullopt: cuDNN has not what is asked. It knows no dilation, and its positions are not ours.
inline std::optional<PoolWindows> pool_windows(const MaxPool2dProblem& p) {
  if (p.positions || p.dilation_h != 1 || p.dilation_w != 1) return {};
  return PoolWindows{PoolMode::max,
                     {p.kernel_h, p.kernel_w},
                     {p.stride_h, p.stride_w},
                     {p.pad_h, p.pad_w},
                     {padding_after(p.h, p.out_h(), p.kernel_h, p.stride_h, p.pad_h),
                      padding_after(p.w, p.out_w(), p.kernel_w, p.stride_w, p.pad_w)}};
}

/// As sliding windows; nullopt: adaptive ones that are not all alike.
constexpr std::optional<AverageAxis> sliding(const AverageAxis& axis) {
  if (axis.kernel > 0) return axis;
  if (axis.size % axis.outputs != 0) return {};
  const std::int64_t kernel = axis.size / axis.outputs;
  return AverageAxis::sliding(axis.size, kernel, kernel, 0, false, true);
}

/// nullopt: cuDNN has not what is asked, e.g. zeros that count beside places that do not, as the
/// last window of `ceil_mode` can have them.
inline std::optional<PoolWindows> pool_windows(const AveragePool2dProblem& p) {
  const std::optional<AverageAxis> rows = sliding(p.rows), columns = sliding(p.columns);
  if (!rows || !columns) return {};
  bool is_of_all = true, is_of_inner = true;
  for (const AverageAxis& axis : {*rows, *columns}) {
    for (std::int64_t o = 0; o < axis.outputs; ++o) {
      const AverageWindow window = axis.window(o);
      is_of_all = is_of_all && window.count == axis.kernel;
      is_of_inner = is_of_inner && window.count == window.end - window.begin;
    }
  }
  if (!is_of_all && !is_of_inner) return {};
  const auto after = [](const AverageAxis& a) {
    return padding_after(a.size, a.outputs, a.kernel, a.stride, a.pad);
  };
  return PoolWindows{is_of_all ? PoolMode::mean_of_all : PoolMode::mean_of_inner,
                     {rows->kernel, columns->kernel},
                     {rows->stride, columns->stride},
                     {rows->pad, columns->pad},
                     {after(*rows), after(*columns)}};
}

}  // namespace tl::vendor
