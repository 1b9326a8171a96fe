// conv2d on cpu: how the filter, its gradient and large results are cut up and stored. Where
// Winograd's buffers would be large, tiles go block by block, and output channels of the gradient
// band by band: each channel is the same bits then as in a problem of fewer channels, which other
// tests compare with `ref`.
#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>

#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/conv2d_checks.h"
#include "tests/support/backends.h"

namespace tl::test {
namespace {

/// Channels [begin, end) of `values`, which has `channels` of them last.
Values channels_of(const Values& values, std::int64_t channels, std::int64_t begin,
                   std::int64_t end) {
  Values part;
  for (auto pixel = values.begin(); pixel != values.end(); pixel += channels)
    part.insert(part.end(), pixel + begin, pixel + end);
  return part;
}

/// A problem of some output channels of another.
struct Part {
  Conv2dProblem problem;
  Conv2dInputs inputs;

  Part(const Conv2dProblem& p, const Conv2dInputs& in, std::int64_t begin, std::int64_t end)
      : problem(p), inputs(in) {
    problem.c_out = end - begin;
    const std::int64_t filter = p.kh * p.kw * p.c_in;
    inputs.w = Values(in.w.begin() + begin * filter, in.w.begin() + end * filter);
    inputs.dy = channels_of(in.dy, p.c_out, begin, end);
    inputs.residual = channels_of(in.residual, p.c_out, begin, end);
  }
};

template <class Slot>
const auto& variant_of(const Slot& slot, std::string_view name) {
  const auto& all = slot.all();
  return *std::find_if(all.begin(), all.end(), [&](const auto& v) { return v.name == name; });
}

Conv2dProblem case_of(std::int64_t size, std::int64_t c_in, std::int64_t c_out) {
  return ConvCase(1, size, size, c_in, c_out).kernel(3, 3).pad(1, 1);
}

}  // namespace

TEST_CASE("conv2d forward: blocks of tiles do not change a bit") {
  for (const Backend& backend : tested_backends()) {
    if (backend.name != std::string_view("cpu")) continue;
    // 81 tiles on 36 points: two blocks of all 528 channels, one of half of them.
    const Conv2dProblem p = case_of(33, 208, 528);
    const Conv2dInputs in = random_inputs(p, false);
    const auto& winograd = variant_of(backend.conv2d.forward, "winograd_f4x4");
    const Values y = Harness(backend, p, in).forward(winograd).y;
    for (const auto& [begin, end] : {std::pair{0, 256}, std::pair{256, 528}}) {
      const Part part(p, in, begin, end);
      CHECK(Harness(backend, part.problem, part.inputs).forward(winograd).y ==
            channels_of(y, p.c_out, begin, end));
    }
  }
}

TEST_CASE("conv2d backward_weight: bands of output channels do not change a bit") {
  for (const Backend& backend : tested_backends()) {
    if (backend.name != std::string_view("cpu")) continue;
    const auto check = [&](const Conv2dProblem& p, std::string_view name) {
      CAPTURE(std::string(name));
      const Conv2dInputs in = random_inputs(p, false);
      const auto& winograd = variant_of(backend.conv2d.backward_weight, name);
      const Values dw = Harness(backend, p, in).backward_weight(winograd);
      for (const auto& [begin, end] : {std::pair{0, 32}, std::pair{32, 64}}) {
        const Part part(p, in, begin, end);
        const std::int64_t filter = p.kh * p.kw * p.c_in;
        CHECK(Harness(backend, part.problem, part.inputs).backward_weight(winograd) ==
              Values(dw.begin() + begin * filter, dw.begin() + end * filter));
      }
    };
    check(case_of(8, 2752, 64), "winograd_f3x3");   // a block of 4 tiles, whose V is kept
    check(case_of(33, 2752, 64), "winograd_f3x3");  // 81 tiles in 2 blocks
    Conv2dProblem p = case_of(16, 1280, 64);
    p.stride_h = p.stride_w = 2;
    check(p, "winograd_stride2");
  }
}

TEST_CASE("conv2d backward_weight: blocks of dw") {
  for (const Backend& backend : tested_backends()) {
    if (backend.name != std::string_view("cpu")) continue;
    // 2 blocks of 270 rows, 2 of 300 columns, 2 of 285 pixels.
    for (bool integers : {true, false}) {
      check_backward_weight(backend, ConvCase(1, 15, 19, 300, 270),
                            {.integers = integers, .only = "implicit_gemm"});
    }
  }
}

TEST_CASE("conv2d strassen: a picture has the bits that it has alone") {
  for (const Backend& backend : tested_backends()) {
    if (backend.name != std::string_view("cpu")) continue;
    const Conv2dProblem p = ConvCase(3, 9, 7, 128, 64).full_epilogue();
    const Conv2dInputs in = random_inputs(p, false);
    Conv2dProblem one = p;
    one.n = 1;
    const auto picture = [](const Values& of, std::int64_t size, std::int64_t i) {
      return Values(of.begin() + i * size, of.begin() + (i + 1) * size);
    };
    const auto& forward = variant_of(backend.conv2d.forward, "strassen");
    const auto& backward = variant_of(backend.conv2d.backward_data, "strassen");
    const Values y = Harness(backend, p, in).forward(forward).y;
    const Values dx = Harness(backend, p, in).backward_data(backward);
    for (std::int64_t i = 0; i < p.n; ++i) {
      Conv2dInputs own = in;
      own.x = picture(in.x, one.x_size(), i);
      own.dy = picture(in.dy, one.y_size(), i);
      own.residual = picture(in.residual, one.y_size(), i);
      CHECK(Harness(backend, one, own).forward(forward).y == picture(y, one.y_size(), i));
      CHECK(Harness(backend, one, own).backward_data(backward) == picture(dx, one.x_size(), i));
    }
  }
}

TEST_CASE("conv2d forward: a result of 34 MB is stored past the caches") {
  for (const Backend& backend : tested_backends()) {
    if (backend.name != std::string_view("cpu")) continue;
    // Aligned to lines, and not; 18 chunks of 224 rows, which fetch each other's.
    for (std::int64_t c_out : {2112, 2120}) {
      check_forward(backend, ConvCase(1, 62, 65, 3, c_out), {.integers = true, .offset = 0});
    }
    check_forward(backend, ConvCase(2, 510, 515, 1, 64).kernel(7, 7).stride(2, 2).pad(3, 3),
                  {.offset = 0, .only = "winograd_stem"});
  }
}

}  // namespace tl::test
