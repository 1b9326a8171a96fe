// The variants of conv2d that this folder has, one file each.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/conv2d.h"
#include "kernels/cpu/amx.h"
#include "kernels/cpu/winograd_product.h"

namespace tl::cpu {

using Conv2dForwardVariant = Variant<Conv2dProblem, Conv2dForwardArgs>;
using Conv2dBackwardDataVariant = Variant<Conv2dProblem, Conv2dBackwardDataArgs>;
using Conv2dBackwardWeightVariant = Variant<Conv2dProblem, Conv2dBackwardWeightArgs>;

Conv2dForwardVariant conv2d_forward_depthwise();
Conv2dForwardVariant conv2d_forward_implicit_gemm();
Conv2dForwardVariant conv2d_forward_strassen();
Conv2dForwardVariant conv2d_forward_winograd_f2x2();
Conv2dForwardVariant conv2d_forward_winograd_f4x4();
Conv2dForwardVariant conv2d_forward_winograd_f5x5();
Conv2dForwardVariant conv2d_forward_winograd_stem();
Conv2dForwardVariant conv2d_forward_winograd_stride2();
Conv2dBackwardDataVariant conv2d_backward_data_depthwise();
Conv2dBackwardDataVariant conv2d_backward_data_implicit_gemm();
Conv2dBackwardDataVariant conv2d_backward_data_strassen();
Conv2dBackwardDataVariant conv2d_backward_data_winograd_f4x4();
Conv2dBackwardDataVariant conv2d_backward_data_winograd_f5x5();
Conv2dBackwardDataVariant conv2d_backward_data_winograd_stride2();
Conv2dBackwardWeightVariant conv2d_backward_weight_depthwise();
Conv2dBackwardWeightVariant conv2d_backward_weight_implicit_gemm();
Conv2dBackwardWeightVariant conv2d_backward_weight_strassen();
Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_4x4();
Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_5x5();
Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_stem();
Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_stride2();

/// What every variant here asks for.
inline bool is_all_f32(const Conv2dProblem& p) {
  return p.x_dtype == DType::f32 && p.w_dtype == DType::f32 && p.y_dtype == DType::f32;
}

/// What the Winograd variants compute: 3x3, stride 1, channels in whole blocks of 16 (one at
/// least), padding that the gradient of x can turn into one of its own.
inline bool is_winograd_shape(const Conv2dProblem& p) {
  return p.kh == 3 && p.kw == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 &&
         p.dilation_w == 1 && p.groups == 1 && p.pad_h <= 2 && p.pad_w <= 2 && p.c_in > 0 &&
         p.c_out > 0 && p.c_in % 16 == 0 && p.c_out % 16 == 0;
}

/// What the Winograd variant for stride 2 computes; channels as above.
inline bool is_winograd_stride2_shape(const Conv2dProblem& p) {
  return p.kh == 3 && p.kw == 3 && p.stride_h == 2 && p.stride_w == 2 && p.dilation_h == 1 &&
         p.dilation_w == 1 && p.groups == 1 && p.pad_h <= 2 && p.pad_w <= 2 && p.c_in > 0 &&
         p.c_out > 0 && p.c_in % 16 == 0 && p.c_out % 16 == 0;
}

/// What the Winograd variant for stems computes: 7x7, stride 2, few channels, any padding.
constexpr std::int64_t kMaxStemChannels = 4;
inline bool is_stem_shape(const Conv2dProblem& p) {
  return p.kh == 7 && p.kw == 7 && p.stride_h == 2 && p.stride_w == 2 && p.dilation_h == 1 &&
         p.dilation_w == 1 && p.groups == 1 && p.c_in > 0 && p.c_in <= kMaxStemChannels &&
         p.c_out > 0 && p.c_out % 16 == 0;
}

/// What Strassen's algorithm computes: 1x1, channels in whole pairs of panels.
constexpr std::int64_t kStrassenChannels = 64;
inline bool is_strassen_shape(const Conv2dProblem& p) {
  return p.kh == 1 && p.kw == 1 && p.pad_h == 0 && p.pad_w == 0 && p.groups == 1 && p.c_in > 0 &&
         p.c_out > 0 && p.c_in % kStrassenChannels == 0 && p.c_out % kStrassenChannels == 0;
}

/// What the depthwise variants compute: one filter per channel.
inline bool is_depthwise_shape(const Conv2dProblem& p) {
  return p.groups > 0 && p.groups == p.c_in && p.groups == p.c_out && p.w_size() > 0;
}

/// Less than the product's, whose multiply-adds fill one column of a panel.
inline double depthwise_cost(const Conv2dProblem& p) { return p.multiply_adds(); }

/// Reading one number of the filter from memory costs as much as so many multiply-adds. Measured
/// where it matters, small batches with many channels: on a Zen 4, and on a Xeon with a matrix
/// unit, whose cores are slow to read (see README.md).
inline double filter_read_cost() { return amx::is_on() ? 18 : 12; }

/// A multiply-add of a direct product, where one of AVX-512, or of what else there is, costs 1.
inline double direct_cost() { return amx::is_on() ? 0.65 : 1; }

/// The matrix unit takes 16 pixels at a time.
inline double implicit_gemm_cost(const Conv2dProblem& p) {
  const auto pixels = static_cast<double>(p.n * p.out_h() * p.out_w());
  const double taken = amx::is_on() ? 16 * std::ceil(pixels / 16) : pixels;
  return static_cast<double>(p.w_size()) * (direct_cost() * taken + filter_read_cost());
}

/// Seven of eight multiply-adds; what it takes to put together sums of rows, to be shared by the
/// columns, and sums of results, by the depth; and seven filters' quarters to be read. Sums of rows
/// are put together again for each chunk of columns, of which there are several where rows are few.
inline double strassen_cost(const Conv2dProblem& p, std::int64_t depth, std::int64_t columns) {
  const auto pixels = static_cast<double>(p.n * p.out_h() * p.out_w());
  const double column_parts = std::max(1.0, 16 * 56 / pixels);
  const double sums =
      8 * column_parts / static_cast<double>(columns) + 8 / static_cast<double>(depth);
  return static_cast<double>(p.w_size()) *
         (pixels * (7.0 / 8 + sums) + 7.0 / 4 * filter_read_cost());
}

/// Sums of dy are shared by the columns, sums of x by the rows, sums of results by a block of
/// pixels.
inline double strassen_weight_cost(const Conv2dProblem& p) {
  const auto pixels = static_cast<double>(p.n * p.out_h() * p.out_w());
  const double sums = 8.0 / static_cast<double>(p.c_in) + 8.0 / static_cast<double>(p.c_out);
  return static_cast<double>(p.w_size()) * (pixels * (0.9 + sums) + filter_read_cost());
}

/// Costs of Winograd's algorithm per point: products and reading the filter for each pair of
/// channels, transforms for each tile and channel.
struct WinogradCosts {
  double products, filter, transforms = 48;

  double of(const Conv2dProblem& p, std::int64_t points, double tiles) const {
    const auto c_in = static_cast<double>(p.c_in), c_out = static_cast<double>(p.c_out);
    return static_cast<double>(points) *
           ((products + filter) * c_in * c_out + transforms * tiles * (c_in + c_out));
  }
};

inline std::int64_t winograd_tiles(const Conv2dProblem& p, std::int64_t outputs) {
  const auto cut = [&](std::int64_t size) { return (size + outputs - 1) / outputs; };
  return p.n * cut(p.out_h()) * cut(p.out_w());
}

/// In tiles of `outputs` x `outputs`. Reading the filter goes on behind the products of more than
/// 16 tiles; that was measured on the Xeon. On the matrix unit, which takes 32 tiles at a time, the
/// filter is cut into pieces, too, and V and M come from farther away.
inline double winograd_cost(const Conv2dProblem& p, std::int64_t outputs) {
  const std::int64_t points = (outputs + 2) * (outputs + 2), count = winograd_tiles(p, outputs);
  const auto tiles = static_cast<double>(count);
  if (!amx::is_on()) return WinogradCosts{tiles, filter_read_cost()}.of(p, points, tiles);
  const std::int64_t panels = (p.c_out + amx::kBlock - 1) / amx::kBlock;
  if (!is_for_matrix_unit(points, count, p.c_in, panels)) {
    return WinogradCosts{tiles, std::min(1.0, 16 / tiles) * filter_read_cost()}.of(p, points,
                                                                                   tiles);
  }
  return WinogradCosts{direct_cost() * 32 * std::ceil(tiles / 32), 45,
                       16 * static_cast<double>(outputs + 2)}
      .of(p, points, tiles);
}

/// The gradient of the filter is written in the points' form, and read again.
inline double winograd_weight_cost(const Conv2dProblem& p, std::int64_t outputs) {
  const auto tiles = static_cast<double>(winograd_tiles(p, outputs));
  return WinogradCosts{tiles, 2 * filter_read_cost()}.of(p, (outputs + 2) * (outputs + 2), tiles);
}

/// 81 multiply-adds for each tile of 4x4 outputs and pair of channels; the transforms, which cost
/// about as much as 20 more per channel and number of theirs; and reading the filter, 8 per number:
/// fewer than above, because where the choice is close, many tiles share what is read.
inline double winograd_stride2_cost(const Conv2dProblem& p, double filter_cost = 8) {
  const auto tiles = static_cast<double>(p.n * ((p.out_h() + 3) / 4) * ((p.out_w() + 3) / 4));
  const auto c_in = static_cast<double>(p.c_in), c_out = static_cast<double>(p.c_out);
  return tiles * (81 * c_in * c_out + 20 * (81 * c_in + 25 * c_out)) +
         81 * filter_cost * c_in * c_out;
}

/// 169 multiply-adds for each tile of 4x4 outputs and pair of channels, and the transforms, which
/// cost about as much as 2000 more per input channel and 250 per output channel.
inline double winograd_stem_cost(const Conv2dProblem& p) {
  const auto tiles = static_cast<double>(p.n * ((p.out_h() + 3) / 4) * ((p.out_w() + 3) / 4));
  const auto c_in = static_cast<double>(p.c_in), c_out = static_cast<double>(p.c_out);
  return tiles * (169 * c_in * c_out + 2000 * c_in + 250 * c_out) +
         169 * filter_read_cost() * c_in * c_out;
}

}  // namespace tl::cpu
