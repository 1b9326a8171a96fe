// conv2d: the CUDA kernels. Tiles of 64 or 128 rows by 64 columns by 16 or 32 depths, packs of 4 or
// 8 channels where alignment and channels allow, parts and chunks of long sums: each is met by a
// case here, in f32 and bf16, with aligned and with displaced buffers.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/conv2d_checks.h"

namespace tl::test {
namespace {

bool runs_cuda_kernels(const Backend& backend) {
  return !starts_with(backend.name, "ref") && !starts_with(backend.name, "cpu");
}

/// Calls f(backend) for every backend whose kernels are those of kernels/cuda/.
template <class F>
void for_each_cuda_backend(const F& f) {
  for (const Backend& backend : tested_backends()) {
    if (runs_cuda_kernels(backend)) f(backend);
  }
}

/// Calls f(problem, trial): integers in either dtype, aligned and displaced; rounding in both.
template <class F>
void for_each_trial(const Conv2dProblem& p, const F& f) {
  for (DType dtype : {DType::f32, DType::bf16}) {
    for (std::int64_t offset : {0, 1}) f(with_dtype(p, dtype), Trial{true, offset});
    f(with_dtype(p, dtype), Trial{false, 0});
  }
}

/// In mixed precision dw is f32 beside bf16.
Conv2dProblem with_f32_weight_gradient(Conv2dProblem p) {
  p.w_dtype = DType::f32;
  return p;
}

}  // namespace

TEST_CASE("conv2d forward in tiles") {
  for_each_cuda_backend([](const Backend& backend) {
    for (const Conv2dProblem& case_ : conv2d_tile_cases()) {
      for_each_trial(case_, [&](const Conv2dProblem& p, const Trial& trial) {
        check_forward(backend, p, trial);
      });
    }
  });
}

TEST_CASE("conv2d forward in tiles: every prologue and epilogue") {
  for_each_cuda_backend([](const Backend& backend) {
    for (Conv2dProblem p : conv2d_epilogue_cases()) {
      // Both dtypes and both shapes with and without every single term.
      if (p.bias ^ p.relu ^ p.prologue) p = with_dtype(p, DType::bf16);
      const bool packs = p.residual ^ p.sums ^ p.prologue_relu;
      if (!packs) p.c_in = 5, p.c_out = 37;
      check_forward(backend, p, {.integers = true, .offset = packs ? 0 : 1});
    }
  });
}

TEST_CASE("conv2d backward_data in tiles") {
  for_each_cuda_backend([](const Backend& backend) {
    for (const Conv2dProblem& case_ : conv2d_tile_cases()) {
      for_each_trial(case_, [&](Conv2dProblem p, const Trial& trial) {
        p.accumulate = trial.offset == 0;
        check_backward_data(backend, p, trial);
      });
    }
  });
}

TEST_CASE("conv2d backward_weight in tiles") {
  for_each_cuda_backend([](const Backend& backend) {
    for (const Conv2dProblem& case_ : conv2d_tile_cases()) {
      for_each_trial(case_, [&](Conv2dProblem p, const Trial& trial) {
        p.prologue = p.prologue_relu = trial.offset == 0;
        check_backward_weight(backend, with_f32_weight_gradient(p), trial);
      });
    }
    // dw itself in bf16.
    check_backward_weight(backend, with_dtype(conv2d_tile_cases().front(), DType::bf16), {true, 0});
  });
}

TEST_CASE("conv2d in tiles: alignment does not change a bit") {
  Conv2dProblem p = ConvCase(2, 7, 6, 24, 72).kernel(3, 3).stride(2, 1).pad(1, 1).add_bias();
  for_each_cuda_backend([&](const Backend& backend) {
    for (DType dtype : {DType::f32, DType::bf16}) {
      p = with_dtype(p, dtype);
      const Conv2dInputs in = random_inputs(p, false);
      const Harness aligned(backend, p, in, 0), displaced(backend, p, in, 1);
      for (const auto& v : backend.conv2d.forward.all()) {
        if (v.supports(p)) CHECK(aligned.forward(v) == displaced.forward(v));
      }
      for (const auto& v : backend.conv2d.backward_data.all()) {
        if (v.supports(p)) CHECK(aligned.backward_data(v) == displaced.backward_data(v));
      }
      for (const auto& v : backend.conv2d.backward_weight.all()) {
        if (v.supports(p)) CHECK(aligned.backward_weight(v) == displaced.backward_weight(v));
      }
    }
  });
}

// Tiles of 128 rows are for large problems: here 2 by 132 of them, or 264 by 1.
TEST_CASE("conv2d in tiles: large problems") {
  for_each_cuda_backend([&](const Backend& backend) {
    const Trial trial{.integers = true, .offset = 0, .only = "implicit_gemm"};
    for (DType dtype : {DType::f32, DType::bf16}) {
      // Two steps of depth.
      const std::int64_t depth = dtype == DType::bf16 ? 40 : 20;
      const std::int64_t channels = 64 * 132 - 8;
      check_forward(backend, with_dtype(ConvCase(1, 3, 43, depth, channels).add_residual(), dtype),
                    trial);
      Conv2dProblem pixels = with_dtype(ConvCase(1, 211, 160, depth, 8).add_sums(), dtype);
      pixels.prologue = true;
      check_forward(backend, pixels, trial);
      check_backward_data(backend, with_dtype(ConvCase(1, 3, 43, channels, depth), dtype), trial);
      check_backward_weight(
          backend,
          with_f32_weight_gradient(with_dtype(ConvCase(1, 1, depth, channels, 136), dtype)), trial);
    }
  });
}

// Winograd works in chunks of 16 MB of tiles; so few channels out keep these cases small.
TEST_CASE("conv2d winograd: several chunks of tiles") {
  for_each_cuda_backend([&](const Backend& backend) {
    const Trial trial{.integers = true, .offset = 0, .only = "winograd"};
    check_forward(backend, ConvCase(1, 33, 36, 1500, 4).kernel(3, 3).pad(1, 1), trial);
    check_backward_weight(backend, ConvCase(1, 33, 36, 1500, 4).kernel(3, 3).pad(1, 1), trial);
  });
}

TEST_CASE("conv2d in tiles: the residual may be y itself") {
  const Conv2dProblem case_ = ConvCase(2, 7, 6, 16, 24).kernel(3, 3).pad(1, 1).full_epilogue();
  for_each_cuda_backend([&](const Backend& backend) {
    for (DType dtype : {DType::f32, DType::bf16}) {
      const Conv2dProblem p = with_dtype(case_, dtype);
      const Conv2dInputs in = random_inputs(p, false);
      const Harness harness(backend, p, in, 0);
      for (const auto& v : backend.conv2d.forward.all()) {
        if (!v.supports(p)) continue;
        INFO("variant ", std::string(v.name));
        CHECK(harness.forward_in_place(v) == harness.forward(v).y);
      }
    }
  });
}

TEST_CASE("conv2d: what the CUDA kernels choose by themselves") {
  for_each_cuda_backend([](const Backend& backend) {
    for (DType dtype : {DType::f32, DType::bf16}) {
      // Names of forward, backward_data, backward_weight.
      const auto chosen = [&](Conv2dProblem p) {
        p = with_dtype(p, dtype);
        return concat(backend.conv2d.forward.choose(p).name, " ",
                      backend.conv2d.backward_data.choose(p).name, " ",
                      backend.conv2d.backward_weight.choose(p).name);
      };
      const std::string tiles = "implicit_gemm implicit_gemm implicit_gemm";
      CHECK(chosen(ConvCase(8, 56, 56, 64, 64).kernel(3, 3).pad(1, 1)) == tiles);
      CHECK(chosen(ConvCase(8, 14, 14, 1024, 2048).stride(2, 2)) == tiles);
      CHECK(chosen(ConvCase(1, 7, 7, 512, 512).kernel(3, 3).pad(1, 1)) == tiles);
      // The stem: tiles of dx would have 3 of 64 columns, those of the columns of dy 147 of 192.
      CHECK(chosen(ConvCase(8, 224, 224, 3, 64).kernel(7, 7).stride(2, 2).pad(3, 3)) ==
            "implicit_gemm im2col implicit_gemm");
      CHECK(chosen(ConvCase(8, 56, 56, 64, 64).kernel(3, 3).pad(1, 1).in_groups(64)) ==
            "naive naive naive");
    }
  });
}

TEST_CASE("conv2d: the CUDA kernels refuse numbers over 30 bits") {
  for_each_cuda_backend([](const Backend& backend) {
    const auto refused = [&](std::int64_t Conv2dProblem::*number) {
      Conv2dProblem p{.n = 1, .h = 4, .w = 4};
      p.*number = std::int64_t{1} << 32;
      CHECK_THROWS_AS(backend.conv2d.forward.choose(p), Error);
      CHECK_THROWS_AS(backend.conv2d.backward_data.choose(p), Error);
      CHECK_THROWS_AS(backend.conv2d.backward_weight.choose(p), Error);
    };
    for (auto number : {&Conv2dProblem::stride_h, &Conv2dProblem::stride_w, &Conv2dProblem::pad_h,
                        &Conv2dProblem::pad_w, &Conv2dProblem::dilation_h,
                        &Conv2dProblem::dilation_w, &Conv2dProblem::c_in}) {
      refused(number);
    }
  });
}

TEST_CASE("conv2d: the CUDA kernels refuse mixed and f64 dtypes") {
  for_each_cuda_backend([](const Backend& backend) {
    Conv2dProblem p{.n = 1, .h = 4, .w = 4};
    p.w_dtype = DType::bf16;
    CHECK_THROWS_AS(backend.conv2d.forward.choose(p), Error);
    CHECK_THROWS_AS(backend.conv2d.backward_data.choose(p), Error);
    CHECK_THROWS_AS(backend.conv2d.backward_weight.choose(p), Error);
    CHECK_THROWS_AS(backend.conv2d.forward.choose(with_dtype(p, DType::f64)), Error);
  });
}

}  // namespace tl::test
