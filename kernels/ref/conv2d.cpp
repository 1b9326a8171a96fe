// conv2d "naive": the contract of kernels/conv2d.h as loops.
//
// A convolution is one set of triples (element of y, element of w, element of x): forward adds
// x * w into y, backward_data adds dy * w into dx, backward_weight adds x * dy into dw. So the
// loops stand here once, in for_each_output and for_each_tap, and each pass says what it does per
// triple. The two that add into many elements at a time do so in a vector, and store it at the end.
#include <algorithm>
#include <vector>

#include "kernels/ref/install.h"
#include "kernels/ref/store.h"

namespace tl::ref {
namespace {

/// One element of y: its place in the picture and its index in memory.
struct Output {
  std::int64_t n, oh, ow, co, index;
};

/// Calls f(Output) for every element of y, in the order of memory.
template <class F>
void for_each_output(const Conv2dProblem& p, const F& f) {
  std::int64_t index = 0;
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t oh = 0; oh < p.out_h(); ++oh) {
      for (std::int64_t ow = 0; ow < p.out_w(); ++ow) {
        for (std::int64_t co = 0; co < p.c_out; ++co) f(Output{n, oh, ow, co, index++});
      }
    }
  }
}

/// Calls f(index of w, index of x, channel of x) for every product that `o` is a sum of.
template <class F>
void for_each_tap(const Conv2dProblem& p, const Output& o, const F& f) {
  const std::int64_t group_in = p.c_in / p.groups, group_out = p.c_out / p.groups;
  const std::int64_t first_channel = o.co / group_out * group_in;
  for (std::int64_t r = 0; r < p.kh; ++r) {
    const std::int64_t h = o.oh * p.stride_h - p.pad_h + r * p.dilation_h;
    if (h < 0 || h >= p.h) continue;  // padding is 0 and adds nothing
    for (std::int64_t s = 0; s < p.kw; ++s) {
      const std::int64_t w = o.ow * p.stride_w - p.pad_w + s * p.dilation_w;
      if (w < 0 || w >= p.w) continue;
      for (std::int64_t i = 0; i < group_in; ++i) {
        const std::int64_t channel = first_channel + i;
        f(((o.co * p.kh + r) * p.kw + s) * group_in + i,
          ((o.n * p.h + h) * p.w + w) * p.c_in + channel, channel);
      }
    }
  }
}

/// What the convolution sees of x: relu?(scale * x + shift), or x itself.
template <class T>
struct Prologue {
  using A = Arithmetic<T>;

  const T* x;
  const A* scale;
  const A* shift;
  bool relu;

  Prologue(const Conv2dProblem& p, ConstView x_view, ConstView scale_view, ConstView shift_view)
      : x(x_view.as<T>()),
        scale(p.prologue ? scale_view.as<A>() : nullptr),
        shift(p.prologue ? shift_view.as<A>() : nullptr),
        relu(p.prologue && p.prologue_relu) {}

  A operator()(std::int64_t index, std::int64_t channel) const {
    const A value = scale ? scale[channel] * x[index] + shift[channel] : A{x[index]};
    return relu && value <= 0 ? 0 : value;
  }
};

void forward(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  with_float_or_bf16("conv2d.forward", p.y_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const Prologue<T> x(p, args.x, args.scale, args.shift);
    const T* w = args.w.as<T>();
    const A* bias = p.bias ? args.bias.as<A>() : nullptr;
    const T* residual = p.residual ? args.residual.as<T>() : nullptr;
    A* sum = p.sums ? args.channel_sum.as<A>() : nullptr;
    A* sum_sq = p.sums ? args.channel_sum_sq.as<A>() : nullptr;
    T* y = args.y.as<T>();
    if (sum) std::fill_n(sum, p.c_out, A{0});
    if (sum_sq) std::fill_n(sum_sq, p.c_out, A{0});

    for_each_output(p, [&](const Output& o) {
      A value = 0;
      for_each_tap(p, o, [&](std::int64_t iw, std::int64_t ix, std::int64_t channel) {
        value += x(ix, channel) * w[iw];
      });
      if (bias) value += bias[o.co];
      if (residual) value += residual[o.index];
      if (p.relu && value <= 0) value = 0;
      y[o.index] = static_cast<T>(value);
      const A written = y[o.index];
      if (sum) sum[o.co] += written;
      if (sum_sq) sum_sq[o.co] += written * written;
    });
  });
}

void backward_data(Stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  with_float_or_bf16("conv2d.backward_data", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* dy = args.dy.as<T>();
    const T* w = args.w.as<T>();
    T* dx = args.dx.as<T>();
    std::vector<A> sums(static_cast<std::size_t>(p.x_size()));
    if (p.accumulate) std::copy_n(dx, p.x_size(), sums.begin());
    for_each_output(p, [&](const Output& o) {
      for_each_tap(p, o, [&](std::int64_t iw, std::int64_t ix, std::int64_t) {
        sums[static_cast<std::size_t>(ix)] += A{dy[o.index]} * w[iw];
      });
    });
    store(sums, dx);
  });
}

void backward_weight(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  with_float_or_bf16("conv2d.backward_weight", p.x_dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const Prologue<T> x(p, args.x, args.scale, args.shift);
    const T* dy = args.dy.as<T>();
    std::vector<A> sums(static_cast<std::size_t>(p.w_size()));
    for_each_output(p, [&](const Output& o) {
      for_each_tap(p, o, [&](std::int64_t iw, std::int64_t ix, std::int64_t channel) {
        sums[static_cast<std::size_t>(iw)] += x(ix, channel) * dy[o.index];
      });
    });
    if (p.w_dtype == p.x_dtype) {
      store(sums, args.dw.as<T>());
    } else {
      store(sums, args.dw.as<A>());
    }
  });
}

bool supports(const Conv2dProblem& p) {
  return is_float(p.y_dtype) && p.x_dtype == p.y_dtype && p.w_dtype == p.y_dtype;
}

bool supports_weight(const Conv2dProblem& p) {
  return is_float(p.y_dtype) && p.x_dtype == p.y_dtype &&
         (p.w_dtype == p.y_dtype || p.w_dtype == parameter_dtype(p.y_dtype));
}

}  // namespace

void install_conv2d(Backend& b) {
  b.conv2d.forward.add({.name = "naive", .supports = supports, .run = forward});
  b.conv2d.backward_data.add({.name = "naive", .supports = supports, .run = backward_data});
  b.conv2d.backward_weight.add(
      {.name = "naive", .supports = supports_weight, .run = backward_weight});
}

}  // namespace tl::ref
