// conv2d on ref: the yardstick itself, checked without another convolution: tiny cases by hand, and
// the backward passes through the identities that define them.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Conv2dProblem in_f64(Conv2dProblem p) {
  p.x_dtype = p.w_dtype = p.y_dtype = DType::f64;
  return p;
}

DeviceBuffer f64(const Values& values) { return {reference(), DType::f64, values}; }
DeviceBuffer f64(std::int64_t size) { return {reference(), DType::f64, size}; }

Values forward(const Conv2dProblem& p, const Values& x, const Values& w, const Values& scale = {},
               const Values& shift = {}) {
  const DeviceBuffer x_in = f64(x), w_in = f64(w), s = f64(scale), t = f64(shift),
                     y = f64(p.y_size());
  Conv2dForwardArgs args;
  args.x = x_in, args.w = w_in, args.y = y, args.scale = s, args.shift = t;
  reference().conv2d.forward.choose(p).run({}, p, args);
  return y.read();
}

Values backward_data(const Conv2dProblem& p, const Values& dy, const Values& w,
                     const Values& dx_before) {
  const DeviceBuffer dy_in = f64(dy), w_in = f64(w), dx = f64(dx_before);
  reference().conv2d.backward_data.choose(p).run({}, p, {dy_in, w_in, dx, {}});
  return dx.read();
}

Values backward_weight(const Conv2dProblem& p, const Values& x, const Values& dy,
                       const Values& scale = {}, const Values& shift = {}) {
  const DeviceBuffer x_in = f64(x), dy_in = f64(dy), dw = f64(p.w_size()), s = f64(scale),
                     t = f64(shift);
  reference().conv2d.backward_weight.choose(p).run({}, p, {x_in, dy_in, dw, s, t, {}});
  return dw.read();
}

double dot(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

TEST_CASE("ref conv2d by hand: a correlation, not a flipped convolution") {
  const Conv2dProblem p = in_f64({.h = 2, .w = 3, .kh = 1, .kw = 2});
  // y[h, w] = 10 x[h, w] + 1 x[h, w + 1]
  CHECK(forward(p, {1, 2, 3, 4, 5, 6}, {10, 1}) == Values{12, 23, 45, 56});
  CHECK(backward_data(p, {1, 0, 0, 2}, {10, 1}, Values(6, 0)) == Values{10, 1, 0, 0, 20, 2});
  CHECK(backward_weight(p, {1, 2, 3, 4, 5, 6}, {1, 0, 0, 2}) == Values{1 + 2 * 5, 2 + 2 * 6});
}

TEST_CASE("ref conv2d by hand: padding, stride, dilation") {
  const Values x = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  Conv2dProblem p = in_f64({.h = 3, .w = 3, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1});
  CHECK(forward(p, x, Values(9, 1)) == Values{12, 21, 16, 27, 45, 33, 24, 39, 28});
  p.stride_h = 2;
  CHECK(forward(p, x, Values(9, 1)) == Values{12, 21, 16, 24, 39, 28});
  p.stride_w = 2;
  CHECK(forward(p, x, Values(9, 1)) == Values{12, 16, 24, 28});
  // Dilation 2 without padding sees the four corners.
  const Conv2dProblem corners =
      in_f64({.h = 3, .w = 3, .kh = 2, .kw = 2, .dilation_h = 2, .dilation_w = 2});
  CHECK(forward(corners, x, {1, 10, 100, 1000}) == Values{1 + 30 + 700 + 9000});
  // Padding of one axis only.
  const Conv2dProblem wide = in_f64({.h = 1, .w = 2, .kh = 1, .kw = 3, .pad_w = 1});
  CHECK(forward(wide, {5, 7}, {1, 10, 100}) == Values{750, 75});
}

TEST_CASE("ref conv2d by hand: channels and groups") {
  // Two pixels of two channels, three filters.
  const Conv2dProblem p = in_f64({.h = 1, .w = 2, .c_in = 2, .c_out = 3});
  CHECK(forward(p, {1, 2, 3, 4}, {1, 0, 0, 1, 10, 100}) == Values{1, 2, 210, 3, 4, 430});
  // Two groups: filters 0 and 1 see channel 0, filters 2 and 3 see channel 1.
  const Conv2dProblem grouped = in_f64({.h = 1, .w = 2, .c_in = 2, .c_out = 4, .groups = 2});
  CHECK(forward(grouped, {1, 2, 3, 4}, {1, 10, 100, 1000}) ==
        Values{1, 10, 200, 2000, 3, 30, 400, 4000});
  CHECK(backward_data(grouped, {1, 1, 1, 1, 0, 0, 0, 1}, {1, 10, 100, 1000}, Values(4, 0)) ==
        Values{11, 1100, 0, 1000});
  CHECK(backward_weight(grouped, {1, 2, 3, 4}, {1, 1, 1, 1, 0, 0, 0, 1}) == Values{1, 1, 2, 2 + 4});
}

TEST_CASE("ref conv2d by hand: prologue before padding, epilogue, sums") {
  Conv2dProblem p = in_f64({.h = 1, .w = 2, .kh = 1, .kw = 3, .pad_w = 1});
  p.prologue = true;
  // 2x + 1: 3 and 5; the padding stays 0 and does not become 1.
  CHECK(forward(p, {1, 2}, {1, 1, 1}, {2}, {1}) == Values{8, 8});
  p.prologue_relu = true;
  CHECK(forward(p, {1, -2}, {1, 1, 1}, {2}, {1}) == Values{3, 3});
  CHECK(backward_weight(p, {1, -2}, {1, 10}, {2}, {1}) == Values{30, 3, 0});

  Conv2dProblem q = in_f64({.h = 1, .w = 2, .c_out = 2});
  q.bias = q.residual = q.relu = q.sums = true;
  const DeviceBuffer x = f64(Values{1, 2}), w = f64(Values{1, -1}), bias = f64(Values{10, 0}),
                     y = f64(Values{0, 5, 100, -7}), sum = f64(2), sum_sq = f64(2);
  Conv2dForwardArgs args;
  args.x = x, args.w = w, args.y = y, args.bias = bias;
  args.residual = y;  // may be the same buffer
  args.channel_sum = sum, args.channel_sum_sq = sum_sq;
  reference().conv2d.forward.choose(q).run({}, q, args);
  CHECK(y.read() == Values{11, 4, 112, 0});
  CHECK(sum.read() == Values{123, 4});
  CHECK(sum_sq.read() == Values{121 + 112 * 112, 16});
}

// Shapes that cover stride, padding, dilation, groups and their mixtures, no two sizes equal.
const Conv2dProblem kConv2dProblems[] = {
    {.n = 2, .h = 5, .w = 7, .c_in = 3, .c_out = 4, .kh = 3, .kw = 2},
    {.n = 1,
     .h = 9,
     .w = 8,
     .c_in = 2,
     .c_out = 3,
     .kh = 3,
     .kw = 3,
     .stride_h = 2,
     .stride_w = 3,
     .pad_h = 1,
     .pad_w = 2},
    {.n = 2,
     .h = 11,
     .w = 9,
     .c_in = 6,
     .c_out = 4,
     .kh = 3,
     .kw = 2,
     .pad_h = 2,
     .pad_w = 1,
     .dilation_h = 2,
     .dilation_w = 3,
     .groups = 2},
    {.n = 1,
     .h = 6,
     .w = 5,
     .c_in = 5,
     .c_out = 10,
     .kh = 3,
     .kw = 3,
     .stride_h = 2,
     .stride_w = 2,
     .pad_h = 1,
     .pad_w = 1,
     .groups = 5},
    {.n = 3, .h = 3, .w = 3, .c_in = 3, .c_out = 3, .kh = 1, .kw = 1, .stride_h = 2, .stride_w = 2},
};

TEST_CASE("ref conv2d: both backward passes are adjoint to the forward pass") {
  // <conv(x, w), dy> is linear in x and in w, so it equals <x, dx> and <w, dw>.
  for (const Conv2dProblem& shape : kConv2dProblems) {
    const Conv2dProblem p = in_f64(shape);
    CAPTURE(p);
    Random random(static_cast<std::uint64_t>(p.c_in));
    const Values x = random.uniform_vector(p.x_size()), w = random.uniform_vector(p.w_size()),
                 dy = random.uniform_vector(p.y_size());
    const Values y = forward(p, x, w);
    const double expected = dot(y, dy), scale = norm(y) * norm(dy);
    REQUIRE(std::abs(expected) > 1e-3 * scale);
    const Values dx = backward_data(p, dy, w, Values(x.size(), 77));
    CHECK(std::abs(dot(x, dx) - expected) <= 1e-14 * scale);
    CHECK(std::abs(dot(w, backward_weight(p, x, dy)) - expected) <= 1e-14 * scale);

    Conv2dProblem adding = p;
    adding.accumulate = true;
    Values twice = backward_data(adding, dy, w, dx);
    for (double& v : twice) v /= 2;
    check_close(twice, dx, 1e-15, "accumulate");

    // With a prologue, dw is adjoint to the filters over what the filters saw.
    Conv2dProblem with_prologue = p;
    with_prologue.prologue = with_prologue.prologue_relu = true;
    const Values s = random.uniform_vector(p.c_in), t = random.uniform_vector(p.c_in);
    const Values y2 = forward(with_prologue, x, w, s, t);
    const double found = dot(w, backward_weight(with_prologue, x, dy, s, t));
    CHECK(std::abs(found - dot(y2, dy)) <= 1e-14 * norm(y2) * norm(dy));
  }
}

TEST_CASE("ref conv2d: an impulse puts the filter into y") {
  // x is 1 at one place: y there is the filter mirrored, at every stride and padding of 0.
  const Conv2dProblem p = in_f64({.h = 5, .w = 5, .c_out = 2, .kh = 3, .kw = 3});
  Values x(25, 0);
  x[2 * 5 + 2] = 1;
  const Values w = Random(1).integer_vector(18, 1, 9), y = forward(p, x, w);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t s = 0; s < 3; ++s) {
      for (std::size_t co = 0; co < 2; ++co) {
        CHECK(y[((2 - r) * 3 + 2 - s) * 2 + co] == w[(co * 3 + r) * 3 + s]);
      }
    }
  }
}

TEST_CASE("ref conv2d: empty batch") {
  const Conv2dProblem p = in_f64({.n = 0, .h = 3, .w = 3, .c_out = 2, .kh = 2, .kw = 2});
  CHECK(forward(p, {}, Values(8, 1)).empty());
  CHECK(backward_data(p, {}, Values(8, 1), {}).empty());
  CHECK(backward_weight(p, {}, {}) == Values(8, 0));
}

}  // namespace
}  // namespace tl::test
