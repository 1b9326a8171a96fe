// How every variant of conv2d of a backend is compared with the f64 loops of `ref`, and how far it
// may be from them.
//
// What stands to be told apart: an error in a kernel changes a result by about 1 / sqrt(terms) of
// itself; every bound here is far below that.
#pragma once

#include <algorithm>
#include <string_view>

#include "tests/kernels/conv2d_harness.h"
#include "tests/support/backends.h"
#include "tests/support/compare.h"

namespace tl::test {

/// Winograd on the points 0, 1, -1, 1/2, -2, infinity, F(4x4, 3x3) and for dw F(3x3, 4x4), and for
/// the stem F(4x4, 4x4) with -1/2 besides, for stride 2 F(4, 2) and F(4, 1) on 0, 1, -1, 2,
/// infinity, and the latter two transposed for gradients: the transforms amplify rounding; measured
/// up to 1.5e-6 on cpu, at 256 and 512 channels; only dw of the stem has more, on whole batches
/// (kernels/cpu/README.md).
inline constexpr double kWinogradBound = 1.6e-6;
/// F(5x5, 3x3) and for dw F(3x3, 5x5), on the points of the stem.
inline constexpr double kWinograd5Bound = 4e-6;

inline bool starts_with(std::string_view name, std::string_view begin) {
  return name.substr(0, begin.size()) == begin;
}

inline bool has_seven_points(std::string_view variant) {
  return variant == "winograd_f5x5" || variant == "winograd_f3x3_5x5";
}
/// Six points divide by 15, seven, those of the stem too, by 45, the five of stride 2 by 6. F(2x2)
/// only adds, subtracts and halves, so it stays exact on integers, and rounds no more than a direct
/// sum.
inline bool divides_by_odd(std::string_view variant) {
  return variant == "winograd_f4x4" || variant == "winograd_f3x3" || variant == "winograd_stem" ||
         variant == "winograd_stride2" || has_seven_points(variant);
}
inline bool exact_on_integers(std::string_view variant) { return !divides_by_odd(variant); }

/// Relative L2 error of a sum of `terms` products by this variant.
///
///   TF32     each factor is rounded to 10 bits of mantissa, an error of 2^-11 of itself at most;
///            with random signs the errors are to their sum as one to its product: 2^-10 at most
///   bf16     the result is rounded once. Where tensor cores multiply what a prologue has made,
///   that
///            is rounded too.
inline double bound_of(std::string_view variant, const Conv2dProblem& p, double terms) {
  double bound = f32_sum_bound(terms);
  if (divides_by_odd(variant)) bound = std::max(kWinogradBound, bound / 4);
  if (has_seven_points(variant)) bound = std::max(kWinograd5Bound, bound);
  if (variant == "implicit_gemm_tf32") bound += 0x1p-10;
  if (variant == "implicit_gemm_bf16" && p.prologue) bound += kBf16Rounding;
  return bound;
}

inline double forward_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.kh * p.kw * (p.c_in / p.groups));
}
inline double backward_data_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.kh * p.kw * (p.c_out / p.groups));
}
inline double backward_weight_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.n * p.out_h() * p.out_w());
}

/// Runs every variant of `slot` that supports p and checks its result.
template <class Slot, class Run, class Check>
void for_each_variant(const Slot& slot, const Conv2dProblem& p, const Run& run,
                      const Check& check_result, const char* only = "") {
  for (const auto& variant : slot.all()) {
    if (!variant.supports(p) || !starts_with(variant.name, only)) continue;
    INFO("variant ", std::string(variant.name));
    check_result(variant.name, run(variant));
  }
}

/// What a comparison is made with, besides the problem, whose dtypes count too.
struct Trial {
  bool integers = false;
  std::int64_t offset = 1;  ///< of all buffers from an aligned address, in elements
  const char* only = "";    ///< variants whose names begin so
};

/// `found` of dtype `stored` against `expected`, in f64.
inline void check_result(const Values& found, const Values& expected, DType stored, bool exact,
                         double bound, const char* what) {
  if (exact) {
    CHECK(found == (stored == DType::bf16 ? rounded_to_bf16(expected) : expected));
  } else if (expected.empty() || norm(expected) == 0) {
    CHECK(norm(found) == 0);
  } else {
    check_close(found, expected, bound + (stored == DType::bf16 ? kBf16Rounding : 0), what);
  }
}

/// The sums over rows of y [rows, channels] of f(y).
template <class F>
Values sums_over_rows(const Values& y, std::int64_t channels, const F& f) {
  Values sums(static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < y.size(); ++i) sums[i % sums.size()] += f(y[i]);
  return sums;
}

inline void check_forward(const Backend& backend, const Conv2dProblem& p, const Trial& trial) {
  CAPTURE(p);
  INFO("backend ", std::string(backend.name), ", offset ", trial.offset);
  const Conv2dInputs in = random_inputs(p, trial.integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64);
  const ForwardResult expected =
      Harness(reference(), exact, in).forward(reference().conv2d.forward.choose(exact));
  const Harness harness(backend, p, in, trial.offset);
  for_each_variant(
      backend.conv2d.forward, p, [&](const auto& v) { return harness.forward(v); },
      [&](const char* variant, const ForwardResult& found) {
        const double terms = forward_terms(p) + p.bias + p.residual + 2 * p.prologue;
        check_result(found.y, expected.y, p.y_dtype, trial.integers && exact_on_integers(variant),
                     bound_of(variant, p, terms), "y");
        if (!p.sums) return;
        // Of y as it was written; of integers exact, as far as f32 counts every one.
        const double rows = backward_weight_terms(p);
        const Values sums = sums_over_rows(found.y, p.c_out, [](double y) { return y; });
        const Values sums_sq = sums_over_rows(found.y, p.c_out, [](double y) { return y * y; });
        const bool exact_sums = trial.integers && exact_on_integers(variant) &&
                                (sums_sq.empty() || std::ranges::max(sums_sq) < 0x1p24);
        check_result(found.channel_sum, sums, DType::f32, exact_sums, f32_sum_bound(rows) * 8,
                     "channel_sum");
        check_result(found.channel_sum_sq, sums_sq, DType::f32, exact_sums, f32_sum_bound(rows),
                     "channel_sum_sq");
      },
      trial.only);
}

inline void check_backward_data(const Backend& backend, const Conv2dProblem& p,
                                const Trial& trial) {
  CAPTURE(p);
  INFO("backend ", std::string(backend.name), ", offset ", trial.offset);
  const Conv2dInputs in = random_inputs(p, trial.integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64);
  const Values expected =
      Harness(reference(), exact, in).backward_data(reference().conv2d.backward_data.choose(exact));
  const Harness harness(backend, p, in, trial.offset);
  for_each_variant(
      backend.conv2d.backward_data, p, [&](const auto& v) { return harness.backward_data(v); },
      [&](const char* variant, const Values& found) {
        check_result(found, expected, p.x_dtype, trial.integers && exact_on_integers(variant),
                     bound_of(variant, p, backward_data_terms(p) + p.accumulate), "dx");
      },
      trial.only);
}

inline void check_backward_weight(const Backend& backend, const Conv2dProblem& p,
                                  const Trial& trial) {
  CAPTURE(p);
  INFO("backend ", std::string(backend.name), ", offset ", trial.offset);
  const Conv2dInputs in = random_inputs(p, trial.integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64);
  const Values expected = Harness(reference(), exact, in)
                              .backward_weight(reference().conv2d.backward_weight.choose(exact));
  const Harness harness(backend, p, in, trial.offset);
  for_each_variant(
      backend.conv2d.backward_weight, p, [&](const auto& v) { return harness.backward_weight(v); },
      [&](const char* variant, const Values& found) {
        check_result(found, expected, p.w_dtype, trial.integers && exact_on_integers(variant),
                     bound_of(variant, p, backward_weight_terms(p) + 2 * p.prologue), "dw");
      },
      trial.only);
}

}  // namespace tl::test
