// What cuBLAS and cuDNN are told about our matrices and tensors. No GPU and no CUDA is needed.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "kernels/cuda/vendor/cudnn_tensors.h"
#include "kernels/cuda/vendor/gemm_layout.h"
#include "kernels/cuda/vendor/pool_windows.h"
#include "tests/kernels/conv2d_cases.h"
#include "tests/support/backends.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

using vendor::ColumnMatrix;

/// Element (row, column) of matrix t as cuBLAS finds it, after its transposition.
double element(const std::vector<double>& data, const ColumnMatrix& m, std::int64_t t,
               std::int64_t row, std::int64_t column) {
  if (m.is_transposed) std::swap(row, column);
  REQUIRE(row < m.rows);
  REQUIRE(column < m.columns);
  return data[static_cast<std::size_t>(t * m.stride + column * m.leading + row)];
}

/// What a library does that knows columns only.
std::vector<double> product_by_columns(const GemmProblem& p, const std::vector<double>& a,
                                       const std::vector<double>& b) {
  const vendor::GemmLayout layout = vendor::gemm_layout(p);
  std::vector<double> y(static_cast<std::size_t>(p.batch * p.m * p.n), 0.0);
  for (std::int64_t t = 0; t < p.batch; ++t) {
    for (std::int64_t column = 0; column < layout.product.columns; ++column) {
      for (std::int64_t row = 0; row < layout.product.rows; ++row) {
        double sum = 0;
        for (std::int64_t l = 0; l < p.k; ++l)
          sum += element(b, layout.first, t, row, l) * element(a, layout.second, t, l, column);
        y[static_cast<std::size_t>(t * layout.product.stride + column * layout.product.leading +
                                   row)] = sum;
      }
    }
  }
  return y;
}

/// What cuDNN makes of windows: y of x as [n, h, w, c], and as many outputs as fit.
std::vector<double> resampled(const vendor::PoolWindows& windows, const vendor::TensorShape& x,
                              const std::vector<double>& data) {
  const auto& [n, c, h, w] = x.extents;
  const std::array<std::int64_t, 2> extents = {h, w};
  std::array<std::int64_t, 2> outputs{};
  for (std::size_t k = 0; k < 2; ++k) {
    REQUIRE(windows.before[k] < windows.window[k]);
    REQUIRE(windows.after[k] < windows.window[k]);
    outputs[k] = (extents[k] + windows.before[k] + windows.after[k] - windows.window[k]) /
                     windows.stride[k] +
                 1;
  }
  std::vector<double> y;
  for (std::int64_t i = 0; i < n * outputs[0] * outputs[1] * c; ++i) {
    const std::int64_t channel = i % c, column = i / c % outputs[1],
                       row = i / c / outputs[1] % outputs[0],
                       picture = i / c / outputs[1] / outputs[0];
    double sum = 0, most = -std::numeric_limits<double>::infinity();
    std::int64_t inner = 0;
    for (std::int64_t r = 0; r < windows.window[0]; ++r) {
      for (std::int64_t s = 0; s < windows.window[1]; ++s) {
        const std::int64_t at_h = row * windows.stride[0] - windows.before[0] + r,
                           at_w = column * windows.stride[1] - windows.before[1] + s;
        if (at_h < 0 || at_h >= h || at_w < 0 || at_w >= w) continue;
        const double value =
            data[static_cast<std::size_t>(picture * x.strides[0] + channel * x.strides[1] +
                                          at_h * x.strides[2] + at_w * x.strides[3])];
        sum += value;
        most = std::max(most, value);
        ++inner;
      }
    }
    const std::int64_t all = windows.window[0] * windows.window[1];
    y.push_back(windows.mode == vendor::PoolMode::max           ? most
                : windows.mode == vendor::PoolMode::mean_of_all ? sum / static_cast<double>(all)
                                                                : sum / static_cast<double>(inner));
  }
  return y;
}

}  // namespace

TEST_CASE("vendor: a gemm by rows is the one by columns that cuBLAS is given") {
  for (int bits = 0; bits < 4; ++bits) {
    GemmProblem p{.m = 3, .n = 5, .k = 4, .batch = 2};
    p.trans_a = bits & 1;
    p.trans_b = bits & 2;
    p.dtype = DType::f64;
    CAPTURE(p);
    Random random(7);
    std::vector<double> a = random.integer_vector(p.batch * p.m * p.k),
                        b = random.integer_vector(p.batch * p.k * p.n),
                        y(static_cast<std::size_t>(p.batch * p.m * p.n));
    GemmArgs args;
    args.a = view_of(static_cast<const double*>(a.data()), p.batch * p.m * p.k);
    args.b = view_of(static_cast<const double*>(b.data()), p.batch * p.k * p.n);
    args.y = view_of(y.data(), p.batch * p.m * p.n);
    reference().gemm.run.choose(p).run({}, p, args);
    CHECK(product_by_columns(p, a, b) == y);
  }
}

TEST_CASE("vendor: the alignment that all matrices of a batch have") {
  CHECK(vendor::common_alignment(64, 16) == 16);
  CHECK(vendor::common_alignment(24, 16) == 8);
  CHECK(vendor::common_alignment(12, 16) == 4);
  CHECK(vendor::common_alignment(6, 16) == 2);
}

TEST_CASE("vendor: extents and strides reach every element of an NHWC tensor once") {
  for (const Conv2dProblem& p : conv2d_cases()) {
    CAPTURE(p);
    for (const auto& [shape, size] :
         {std::pair{vendor::x_shape(p), p.x_size()}, std::pair{vendor::w_shape(p), p.w_size()},
          std::pair{vendor::y_shape(p), p.y_size()}}) {
      const auto& [n, c, h, w] = shape.extents;
      REQUIRE(n * c * h * w == size);
      // In the order n, h, w, c the places count up by one.
      std::int64_t next = 0;
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t y = 0; y < h; ++y)
          for (std::int64_t x = 0; x < w; ++x)
            for (std::int64_t j = 0; j < c; ++j, ++next)
              if (i * shape.strides[0] + j * shape.strides[1] + y * shape.strides[2] +
                      x * shape.strides[3] !=
                  next)
                FAIL("element ", i, ", ", y, ", ", x, ", ", j);
      CHECK(next == size);
    }
  }
  CHECK(vendor::w_shape({.c_in = 12, .c_out = 6, .kh = 3, .kw = 2, .groups = 3}).extents ==
        std::array<std::int64_t, 4>{6, 4, 3, 2});
  BatchNormProblem norm;
  norm.rows = 7, norm.channels = 5;
  CHECK(vendor::rows_shape(norm) == vendor::nhwc(7, 1, 1, 5));
}

TEST_CASE("vendor: the windows that cuDNN is given are the contract's, where there are any") {
  Random random(3);
  int maxima = 0, means = 0, refused = 0;
  for (int i = 0; i < 400; ++i) {
    MaxPool2dProblem largest{.n = 2,
                             .h = random.integer(1, 12),
                             .w = random.integer(1, 12),
                             .c = 3,
                             .kernel_h = random.integer(1, 4),
                             .kernel_w = random.integer(1, 4),
                             .stride_h = random.integer(1, 4),
                             .stride_w = random.integer(1, 4),
                             .ceil_mode = random.integer(0, 1) == 1,
                             .dtype = DType::f64};
    largest.pad_h = random.integer(0, largest.kernel_h / 2);
    largest.pad_w = random.integer(0, largest.kernel_w / 2);
    const bool include = random.integer(0, 1) == 1;
    const auto axis = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                          std::int64_t pad) {
      return random.integer(0, 2) == 0
                 ? AverageAxis::adaptive(size, random.integer(1, 6))
                 : AverageAxis::sliding(size, kernel, stride, pad, largest.ceil_mode, include);
    };
    const AveragePool2dProblem mean{
        .n = 2,
        .c = 3,
        .rows = axis(largest.h, largest.kernel_h, largest.stride_h, largest.pad_h),
        .columns = axis(largest.w, largest.kernel_w, largest.stride_w, largest.pad_w),
        .dtype = DType::f64};
    std::vector<double> x = random.integer_vector(largest.x_size());
    const ConstView in = view_of(static_cast<const double*>(x.data()), largest.x_size());
    const auto expected = [&](const auto& slot, const auto& p, auto args) {
      std::vector<double> y(static_cast<std::size_t>(p.y_size()));
      args.x = in;
      args.y = view_of(y.data(), p.y_size());
      slot.choose(p).run({}, p, args);
      return y;
    };
    if (largest.out_h() >= 1 && largest.out_w() >= 1) {
      CAPTURE(largest);
      const auto windows = vendor::pool_windows(largest);
      REQUIRE(windows);
      ++maxima;
      CHECK((resampled(*windows, vendor::x_shape(largest), x) ==
             expected(reference().max_pool2d.forward, largest, MaxPool2dForwardArgs{})));
    }
    if (mean.rows.outputs < 1 || mean.columns.outputs < 1) continue;
    CAPTURE(mean);
    const auto windows = vendor::pool_windows(mean);
    ++(windows ? means : refused);
    if (!windows) continue;
    CHECK((resampled(*windows, vendor::x_shape(mean), x) ==
           expected(reference().average_pool2d.forward, mean, AveragePool2dForwardArgs{})));
  }
  CHECK(maxima > 100);
  CHECK(means > 100);
  CHECK(refused > 20);
}

TEST_CASE("vendor: poolings that cuDNN has not") {
  CHECK(vendor::pool_windows(MaxPool2dProblem{.h = 4, .w = 4}));
  CHECK_FALSE(vendor::pool_windows(MaxPool2dProblem{.h = 4, .w = 4, .positions = true}));
  CHECK_FALSE(vendor::pool_windows(MaxPool2dProblem{.h = 4, .w = 4, .dilation_h = 2}));
  CHECK_FALSE(vendor::pool_windows(MaxPool2dProblem{.h = 4, .w = 4, .dilation_w = 2}));
  const AverageAxis even = AverageAxis::sliding(4, 2, 2, 0, false, true);
  const auto mode = [&](const AverageAxis& axis) {
    const auto windows = vendor::pool_windows(AveragePool2dProblem{.rows = even, .columns = axis});
    return windows ? std::optional(windows->mode) : std::nullopt;
  };
  CHECK(mode(AverageAxis::adaptive(6, 3)) == vendor::PoolMode::mean_of_all);
  CHECK(mode(AverageAxis::adaptive(5, 3)) == std::nullopt);
  CHECK(mode(AverageAxis::sliding(5, 2, 2, 1, false, true)) == vendor::PoolMode::mean_of_all);
  CHECK(mode(AverageAxis::sliding(5, 2, 2, 1, false, false)) == vendor::PoolMode::mean_of_inner);
  // The last window has an element and a place that does not count: without zeros it is a mean of
  // what lies inside, with a zero at the front it is neither.
  CHECK(mode(AverageAxis::sliding(5, 2, 2, 0, true, true)) == vendor::PoolMode::mean_of_inner);
  CHECK(mode(AverageAxis::sliding(5, 4, 4, 1, true, true)) == std::nullopt);
}

TEST_CASE("a variant that is absent says why it is") {
  VariantSlot<GemmProblem, GemmArgs> slot("gemm");
  slot.add({.name = "plain", .supports = [](const GemmProblem&) { return true; }, .run = nullptr});
  slot.add_absent("cublas", "libx.so not found");
  CHECK(slot.is_absent("cublas"));
  CHECK_FALSE(slot.is_absent("plain"));
  CHECK_THROWS_WITH_AS(slot.force("cublas"), "gemm: no variant 'cublas': libx.so not found", Error);
  CHECK_THROWS_WITH_AS(slot.force("other"), "gemm: no variant 'other'; it has plain", Error);
  CHECK(slot.choose({}).name == std::string("plain"));
}

TEST_CASE("a variant on request is chosen once it is released, and not before") {
  VariantSlot<GemmProblem, GemmArgs> slot("gemm");
  const auto always = [](const GemmProblem&) { return true; };
  slot.add({.name = "plain", .supports = always, .run = nullptr, .cost = [](const GemmProblem&) {
              return 2.0;
            }});
  slot.add({.name = "better", .supports = always, .run = nullptr, .on_request = true});
  CHECK(slot.choose({}).name == std::string("plain"));
  slot.release([](std::string_view, std::string_view name) { return name == "other"; });
  CHECK(slot.choose({}).name == std::string("plain"));
  slot.release(
      [](std::string_view of, std::string_view name) { return of == "gemm" && name == "better"; });
  CHECK(slot.choose({}).name == std::string("better"));
}

}  // namespace tl::test
