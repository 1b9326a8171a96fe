// How one variant of conv2d is run in a test: buffers exactly as large as the contract says, all of
// them displaced by one element, so that nothing is aligned, or none; outputs and workspace
// poisoned with NaN.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv2d.h"
#include "tests/support/bf16.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {

using Values = std::vector<double>;

/// Inputs of one problem; w and residual of different scales, so that no term hides another.
struct Conv2dInputs {
  Values x, w, dy, scale, shift, bias, residual, dx_before;
};

inline Conv2dInputs random_inputs(const Conv2dProblem& p, bool integers) {
  Random random(static_cast<std::uint64_t>(p.x_size() * 31 + p.w_size() * 7 + p.y_size()));
  const auto values = [&](std::int64_t size) {
    return integers ? random.integer_vector(size) : random.uniform_vector(size);
  };
  Conv2dInputs in = {values(p.x_size()), values(p.w_size()), values(p.y_size()),
                     values(p.c_in),     values(p.c_in),     values(p.c_out),
                     values(p.y_size()), values(p.x_size())};
  if (p.x_dtype == DType::bf16) {
    for (Values* stored : {&in.x, &in.w, &in.dy, &in.residual, &in.dx_before}) {
      *stored = rounded_to_bf16(*stored);
    }
  }
  return in;
}

inline Conv2dProblem with_dtype(Conv2dProblem p, DType dtype) {
  p.x_dtype = p.w_dtype = p.y_dtype = dtype;
  return p;
}

/// What a forward pass writes.
struct ForwardResult {
  Values y, channel_sum, channel_sum_sq;
  bool operator==(const ForwardResult&) const = default;
};

/// Runs variants of one backend on inputs of one problem. Every buffer begins `offset` elements
/// after an aligned address.
class Harness {
 public:
  Harness(const Backend& backend, const Conv2dProblem& p, const Conv2dInputs& in,
          std::int64_t offset = 1)
      : backend_(backend), p_(p), in_(in), offset_(offset) {}

  template <class VariantT>
  ForwardResult forward(const VariantT& variant) const {
    return forward_into(output(p_.y_dtype, p_.y_size()), variant, false);
  }

  /// With the residual in y's own buffer.
  template <class VariantT>
  Values forward_in_place(const VariantT& variant) const {
    return forward_into(input(in_.residual), variant, true).y;
  }

  template <class VariantT>
  Values backward_data(const VariantT& variant) const {
    DeviceBuffer dx = output(p_.x_dtype, p_.x_size());
    if (p_.accumulate) dx.write(in_.dx_before);
    const DeviceBuffer dy = input(in_.dy), w = input(in_.w);
    const DeviceBuffer prepared = prepare(variant, w), workspace = workspace_of(variant);
    Conv2dBackwardDataArgs args;
    args.dy = dy.view();
    args.w = variant.prepared_size(p_) > 0 ? prepared.view() : w.view();
    args.dx = dx.view();
    args.workspace = {workspace.view().data, DType::u8, variant.workspace_size(p_)};
    variant.run({}, p_, args);
    return dx.read();
  }

  template <class VariantT>
  Values backward_weight(const VariantT& variant) const {
    const DeviceBuffer dw = output(p_.w_dtype, p_.w_size());
    const DeviceBuffer x = input(in_.x), dy = input(in_.dy), scale = parameters(in_.scale),
                       shift = parameters(in_.shift);
    const DeviceBuffer workspace = workspace_of(variant);
    Conv2dBackwardWeightArgs args;
    args.x = x.view();
    args.dy = dy.view();
    args.dw = dw.view();
    args.workspace = {workspace.view().data, DType::u8, variant.workspace_size(p_)};
    if (p_.prologue) args.scale = scale.view(), args.shift = shift.view();
    variant.run({}, p_, args);
    return dw.read();
  }

 private:
  template <class VariantT>
  ForwardResult forward_into(const DeviceBuffer& y, const VariantT& variant,
                             bool residual_is_y) const {
    const std::int64_t sums = p_.sums ? p_.c_out : 0;
    const DType parameter = parameter_dtype(p_.y_dtype);
    const DeviceBuffer sum = output(parameter, sums), sum_sq = output(parameter, sums);
    const DeviceBuffer x = input(in_.x), w = input(in_.w), scale = parameters(in_.scale),
                       shift = parameters(in_.shift), bias = parameters(in_.bias),
                       residual = input(in_.residual);
    const DeviceBuffer prepared = prepare(variant, w), workspace = workspace_of(variant);
    Conv2dForwardArgs args;
    args.x = x.view();
    args.w = variant.prepared_size(p_) > 0 ? prepared.view() : w.view();
    args.y = y.view();
    args.workspace = {workspace.view().data, DType::u8, variant.workspace_size(p_)};
    if (p_.prologue) args.scale = scale.view(), args.shift = shift.view();
    if (p_.bias) args.bias = bias.view();
    if (p_.residual) args.residual = residual_is_y ? y.view() : residual.view();
    if (p_.sums) args.channel_sum = sum.view(), args.channel_sum_sq = sum_sq.view();
    variant.run({}, p_, args);
    return {y.read(), sum.read(), sum_sq.read()};
  }

  DeviceBuffer output(DType dtype, std::int64_t size) const {
    return DeviceBuffer(backend_, dtype, size, offset_);
  }
  DeviceBuffer input(const Values& values) const {
    return DeviceBuffer(backend_, p_.x_dtype, values, offset_);
  }
  DeviceBuffer parameters(const Values& values) const {
    return DeviceBuffer(backend_, parameter_dtype(p_.x_dtype), values, offset_);
  }
  template <class VariantT>
  DeviceBuffer prepare(const VariantT& variant, const DeviceBuffer& w) const {
    DeviceBuffer prepared(backend_, DType::u8, variant.prepared_size(p_));
    if (variant.prepared_size(p_) > 0) variant.prepare({}, p_, w.view(), prepared);
    return prepared;
  }
  /// As f32, so that the poison is NaN; sizes are whole numbers of floats.
  template <class VariantT>
  DeviceBuffer workspace_of(const VariantT& variant) const {
    return DeviceBuffer(backend_, DType::f32, (variant.workspace_size(p_) + 3) / 4);
  }

  const Backend& backend_;
  const Conv2dProblem p_;
  const Conv2dInputs& in_;
  std::int64_t offset_;
};

}  // namespace tl::test
