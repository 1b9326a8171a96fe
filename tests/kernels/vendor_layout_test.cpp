// What cuBLAS and cuDNN are told about our matrices and tensors. No GPU and no CUDA is needed.
#include <doctest/doctest.h>

#include <vector>

#include "kernels/cuda/vendor/cudnn_tensors.h"
#include "kernels/cuda/vendor/gemm_layout.h"
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
