// How one variant of conv2d is run in a test: buffers exactly as large as the contract says,
// displaced by one element so that nothing is aligned, outputs and workspace poisoned with NaN.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv2d.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {

using Values = std::vector<double>;

/// Inputs of one problem; w and residual of different scales, so that no term hides another.
struct Inputs {
  Values x, w, dy, scale, shift, bias, residual, dx_before;
};

inline Inputs random_inputs(const Conv2dProblem& p, bool integers) {
  Random random(static_cast<std::uint64_t>(p.x_size() * 31 + p.w_size() * 7 + p.y_size()));
  const auto values = [&](std::int64_t size) {
    return integers ? random.integer_vector(size) : random.uniform_vector(size);
  };
  return {values(p.x_size()), values(p.w_size()), values(p.y_size()), values(p.c_in),
          values(p.c_in),     values(p.c_out),    values(p.y_size()), values(p.x_size())};
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

/// Runs variants of one backend on inputs of one problem.
class Harness {
 public:
  Harness(const Backend& backend, const Conv2dProblem& p, const Inputs& in)
      : backend_(backend), p_(p), in_(in) {}

  template <class VariantT>
  ForwardResult forward(const VariantT& variant) const {
    return forward_into(Displaced(backend_, p_.y_dtype, p_.y_size()), variant, false);
  }

  /// With the residual in y's own buffer.
  template <class VariantT>
  Values forward_in_place(const VariantT& variant) const {
    return forward_into(input(in_.residual), variant, true).y;
  }

  template <class VariantT>
  Values backward_data(const VariantT& variant) const {
    Displaced dx(backend_, p_.x_dtype, p_.x_size());
    if (p_.accumulate) dx.write(in_.dx_before);
    const Displaced dy = input(in_.dy), w = input(in_.w);
    const DeviceBuffer prepared = prepare(variant, w), workspace = workspace_of(variant);
    Conv2dBackwardDataArgs args;
    args.dy = dy.view();
    args.w = variant.prepared_size(p_) > 0 ? prepared.view() : w.view();
    args.dx = dx.view();
    args.workspace = workspace;
    variant.run({}, p_, args);
    return dx.read();
  }

  template <class VariantT>
  Values backward_weight(const VariantT& variant) const {
    const Displaced dw(backend_, p_.w_dtype, p_.w_size());
    const Displaced x = input(in_.x), dy = input(in_.dy), scale = input(in_.scale),
                    shift = input(in_.shift);
    const DeviceBuffer workspace = workspace_of(variant);
    Conv2dBackwardWeightArgs args;
    args.x = x.view();
    args.dy = dy.view();
    args.dw = dw.view();
    args.workspace = workspace;
    if (p_.prologue) args.scale = scale.view(), args.shift = shift.view();
    variant.run({}, p_, args);
    return dw.read();
  }

 private:
  /// A buffer that begins one element after an aligned address and ends with its block.
  class Displaced {
   public:
    Displaced(const Backend& backend, DType dtype, std::int64_t size)
        : block_(backend, dtype, size + 1) {}
    View view() const {
      const View all = block_.view();
      return {static_cast<char*>(all.data) + size_of(all.dtype), all.dtype, all.size - 1};
    }
    void write(const Values& values) {
      Values all = block_.read();
      std::copy(values.begin(), values.end(), all.begin() + 1);
      block_.write(all);
    }
    Values read() const {
      const Values all = block_.read();
      return {all.begin() + 1, all.end()};
    }

   private:
    DeviceBuffer block_;
  };

  template <class VariantT>
  ForwardResult forward_into(const Displaced& y, const VariantT& variant,
                             bool residual_is_y) const {
    const std::int64_t sums = p_.sums ? p_.c_out : 0;
    const Displaced sum(backend_, p_.y_dtype, sums), sum_sq(backend_, p_.y_dtype, sums);
    const Displaced x = input(in_.x), w = input(in_.w), scale = input(in_.scale),
                    shift = input(in_.shift), bias = input(in_.bias),
                    residual = input(in_.residual);
    const DeviceBuffer prepared = prepare(variant, w), workspace = workspace_of(variant);
    Conv2dForwardArgs args;
    args.x = x.view();
    args.w = variant.prepared_size(p_) > 0 ? prepared.view() : w.view();
    args.y = y.view();
    args.workspace = workspace;
    if (p_.prologue) args.scale = scale.view(), args.shift = shift.view();
    if (p_.bias) args.bias = bias.view();
    if (p_.residual) args.residual = residual_is_y ? y.view() : residual.view();
    if (p_.sums) args.channel_sum = sum.view(), args.channel_sum_sq = sum_sq.view();
    variant.run({}, p_, args);
    return {y.read(), sum.read(), sum_sq.read()};
  }

  Displaced input(const Values& values) const {
    Displaced buffer(backend_, p_.x_dtype, static_cast<std::int64_t>(values.size()));
    buffer.write(values);
    return buffer;
  }
  template <class VariantT>
  DeviceBuffer prepare(const VariantT& variant, const Displaced& w) const {
    DeviceBuffer prepared(backend_, DType::u8, variant.prepared_size(p_));
    if (variant.prepared_size(p_) > 0) variant.prepare({}, p_, w.view(), prepared);
    return prepared;
  }
  /// All bytes 0xFF: every float a NaN.
  template <class VariantT>
  DeviceBuffer workspace_of(const VariantT& variant) const {
    const std::int64_t bytes = variant.workspace_size(p_);
    return DeviceBuffer(backend_, DType::u8, Values(static_cast<std::size_t>(bytes), 255.0));
  }

  const Backend& backend_;
  const Conv2dProblem p_;
  const Inputs& in_;
};

}  // namespace tl::test
