// conv2d: every variant of every backend against the f64 loops of `ref`, in all three passes.
//
// Read cases() for the shapes, Harness for how one variant is run (buffers exactly as large as the
// contract says, displaced by one element so that nothing is aligned, outputs and workspace
// poisoned with NaN), then the tests.
#include "kernels/conv2d.h"

#include <doctest/doctest.h>

#include <string_view>

#include "kernels/cpu/simd_target.h"
#include "kernels/parallel_for.h"
#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

std::vector<Conv2dProblem> cases() {
  return {
      // 1x1, the smallest, odd channels, one past a tile.
      {.n = 1, .h = 1, .w = 1},
      {.n = 2, .h = 5, .w = 3, .c_in = 17, .c_out = 33},
      {.n = 1, .h = 15, .w = 1, .c_in = 64, .c_out = 65, .bias = true, .relu = true},
      {.n = 3, .h = 6, .w = 4, .c_in = 16, .c_out = 32, .stride_h = 2, .stride_w = 2},
      {.n = 1,
       .h = 3,
       .w = 3,
       .c_in = 2400,
       .c_out = 5,
       .bias = true,
       .residual = true,
       .relu = true},  // several blocks of depth
      // 3x3, as Winograd takes it: whole tiles, one more, one less, smaller than a tile.
      {.n = 2, .h = 8, .w = 8, .c_in = 16, .c_out = 16, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 1,
       .h = 9,
       .w = 7,
       .c_in = 16,
       .c_out = 48,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1,
       .bias = true,
       .residual = true,
       .relu = true},
      {.n = 3, .h = 1, .w = 2, .c_in = 32, .c_out = 16, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 1, .h = 5, .w = 30, .c_in = 48, .c_out = 32, .kh = 3, .kw = 3, .bias = true},
      {.n = 1, .h = 6, .w = 5, .c_in = 16, .c_out = 32, .kh = 3, .kw = 3, .pad_h = 2, .pad_w = 0},
      {.n = 1, .h = 6, .w = 5, .c_in = 16, .c_out = 32, .kh = 3, .kw = 3, .pad_h = 3, .pad_w = 1},
      {.n = 9,
       .h = 13,
       .w = 14,
       .c_in = 16,
       .c_out = 32,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1,
       .relu = true},
      {.n = 2,
       .h = 7,
       .w = 7,
       .c_in = 272,
       .c_out = 32,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1,
       .bias = true},
      {.n = 1,
       .h = 4,
       .w = 5,
       .c_in = 288,
       .c_out = 16,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1},  // several blocks of depth
      {.n = 4,
       .h = 29,
       .w = 30,
       .c_in = 16,
       .c_out = 16,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1,
       .residual = true},  // enough tiles for several chunks
      // Channels that fill no vector.
      {.n = 1, .h = 225, .w = 181, .c_in = 2, .c_out = 3, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 2,
       .h = 10,
       .w = 11,
       .c_in = 3,
       .c_out = 8,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1,
       .bias = true,
       .relu = true},
      {.n = 1,
       .h = 9,
       .w = 12,
       .c_in = 17,
       .c_out = 19,
       .kh = 3,
       .kw = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = 1,
       .pad_w = 1},
      {.n = 1, .h = 7, .w = 7, .c_in = 300, .c_out = 2, .kh = 3, .kw = 3, .residual = true},
      // 5x5 and the stem 7x7; non-square everything; strides that skip pixels.
      {.n = 2, .h = 9, .w = 8, .c_in = 6, .c_out = 10, .kh = 5, .kw = 5, .pad_h = 2, .pad_w = 2},
      {.n = 2,
       .h = 30,
       .w = 33,
       .c_in = 3,
       .c_out = 64,
       .kh = 7,
       .kw = 7,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = 3,
       .pad_w = 3,
       .bias = true,
       .relu = true},
      {.n = 1,
       .h = 12,
       .w = 9,
       .c_in = 5,
       .c_out = 7,
       .kh = 2,
       .kw = 4,
       .stride_h = 3,
       .stride_w = 1,
       .pad_h = 0,
       .pad_w = 3},
      {.n = 1,
       .h = 11,
       .w = 10,
       .c_in = 16,
       .c_out = 18,
       .kh = 1,
       .kw = 2,
       .stride_h = 3,
       .stride_w = 3,
       .pad_h = 0,
       .pad_w = 1},
      {.n = 1,
       .h = 14,
       .w = 14,
       .c_in = 32,
       .c_out = 64,
       .kh = 3,
       .kw = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = 1,
       .pad_w = 1,
       .bias = true,
       .residual = true,
       .relu = true},
      // Dilation, alone and with strides that share a factor with it.
      {.n = 1,
       .h = 12,
       .w = 13,
       .c_in = 16,
       .c_out = 16,
       .kh = 3,
       .kw = 3,
       .pad_h = 2,
       .pad_w = 2,
       .dilation_h = 2,
       .dilation_w = 2},
      {.n = 2,
       .h = 15,
       .w = 14,
       .c_in = 4,
       .c_out = 6,
       .kh = 3,
       .kw = 3,
       .stride_h = 2,
       .stride_w = 3,
       .pad_h = 1,
       .pad_w = 3,
       .dilation_h = 2,
       .dilation_w = 2},
      {.n = 1,
       .h = 14,
       .w = 15,
       .c_in = 4,
       .c_out = 6,
       .kh = 3,
       .kw = 2,
       .stride_h = 4,
       .stride_w = 2,
       .pad_h = 1,
       .pad_w = 0,
       .dilation_h = 2,
       .dilation_w = 3},
      // Groups, down to depthwise.
      {.n = 2,
       .h = 6,
       .w = 7,
       .c_in = 32,
       .c_out = 48,
       .kh = 3,
       .kw = 3,
       .pad_h = 1,
       .pad_w = 1,
       .groups = 2,
       .bias = true,
       .residual = true,
       .relu = true},
      {.n = 1,
       .h = 7,
       .w = 6,
       .c_in = 12,
       .c_out = 12,
       .kh = 3,
       .kw = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = 1,
       .pad_w = 1,
       .groups = 12,
       .bias = true},
      // Nothing.
      {.n = 0, .h = 8, .w = 8, .c_in = 16, .c_out = 16, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
  };
}

/// Inputs of one problem; w and residual of different scales, so that no term hides another.
struct Inputs {
  Values x, w, dy, scale, shift, bias, residual, dx_before;
};

Inputs random_inputs(const Conv2dProblem& p, bool integers) {
  Random random(static_cast<std::uint64_t>(p.x_size() * 31 + p.w_size() * 7 + p.y_size()));
  const auto values = [&](std::int64_t size) {
    return integers ? random.integer_vector(size) : random.uniform_vector(size);
  };
  return {values(p.x_size()), values(p.w_size()), values(p.y_size()), values(p.c_in),
          values(p.c_in),     values(p.c_out),    values(p.y_size()), values(p.x_size())};
}

Conv2dProblem with_dtype(Conv2dProblem p, DType dtype) {
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

/// Winograd variants: the transforms of F(4x4, 3x3) with the points 0, 1, -1, 1/2, -2, infinity
/// amplify rounding; measured 4e-7 to 8e-7 on sums of any length, doubled for safety.
constexpr double kWinogradBound = 1.6e-6;

bool is_winograd(std::string_view variant) { return variant.substr(0, 8) == "winograd"; }

double bound_of(const char* variant, double terms) {
  return is_winograd(variant) ? std::max(kWinogradBound, f32_sum_bound(terms) / 4)
                              : f32_sum_bound(terms);
}

double forward_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.kh * p.kw * (p.c_in / p.groups));
}
double backward_data_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.kh * p.kw * (p.c_out / p.groups));
}
double backward_weight_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.n * p.out_h() * p.out_w());
}

/// The instruction sets of this processor, best first: `cpu` is tested on each.
std::vector<const char*> simd_targets() {
  std::vector<const char*> targets;
  for (const char* target : {"avx512", "avx2", "sse4", "scalar"}) {
    if (cpu::has_simd_target(target)) targets.push_back(target);
  }
  return targets;
}

/// Calls f(backend) for every tested backend, for `cpu` on every instruction set.
template <class F>
void for_each_backend(const F& f) {
  for (const Backend& backend : tested_backends()) {
    if (std::string_view(backend.name) != "cpu") {
      INFO("backend ", backend.name);
      f(backend);
      continue;
    }
    for (const char* target : simd_targets()) {
      cpu::use_simd_target(target);
      INFO("backend cpu, ", target);
      f(backend);
    }
    cpu::use_simd_target("");
  }
}

/// Compares every variant of `slot` that supports p with the reference's result.
template <class Slot, class Run, class Check>
void for_each_variant(const Slot& slot, const Conv2dProblem& p, const Run& run,
                      const Check& check_result) {
  for (const auto& variant : slot.all()) {
    if (!variant.supports(p)) continue;
    INFO("variant ", variant.name);
    check_result(variant.name, run(variant));
  }
}

void check_forward(const Conv2dProblem& p, bool integers) {
  CAPTURE(p);
  const Inputs in = random_inputs(p, integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64), tested = with_dtype(p, DType::f32);
  const ForwardResult expected =
      Harness(reference(), exact, in).forward(reference().conv2d.forward.choose(exact));
  for_each_backend([&](const Backend& backend) {
    const Harness harness(backend, tested, in);
    for_each_variant(
        backend.conv2d.forward, tested, [&](const auto& v) { return harness.forward(v); },
        [&](const char* variant, const ForwardResult& found) {
          if (integers && !is_winograd(variant)) {
            CHECK(found == expected);
            return;
          }
          const double terms = forward_terms(p) + p.bias + p.residual + 2 * p.prologue;
          check_close(found.y, expected.y, bound_of(variant, terms), "y");
          if (!p.sums) return;
          const double rows = backward_weight_terms(p);
          check_close(found.channel_sum, expected.channel_sum, f32_sum_bound(terms + rows) * 8,
                      "channel_sum");
          check_close(found.channel_sum_sq, expected.channel_sum_sq, f32_sum_bound(terms + rows),
                      "channel_sum_sq");
        });
  });
}

void check_backward_data(const Conv2dProblem& p, bool integers) {
  CAPTURE(p);
  const Inputs in = random_inputs(p, integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64), tested = with_dtype(p, DType::f32);
  const Values expected =
      Harness(reference(), exact, in).backward_data(reference().conv2d.backward_data.choose(exact));
  for_each_backend([&](const Backend& backend) {
    const Harness harness(backend, tested, in);
    for_each_variant(
        backend.conv2d.backward_data, tested,
        [&](const auto& v) { return harness.backward_data(v); },
        [&](const char* variant, const Values& found) {
          if (integers && !is_winograd(variant)) {
            CHECK(found == expected);
          } else {
            check_close(found, expected, bound_of(variant, backward_data_terms(p) + 1), "dx");
          }
        });
  });
}

void check_backward_weight(const Conv2dProblem& p, bool integers) {
  CAPTURE(p);
  const Inputs in = random_inputs(p, integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64), tested = with_dtype(p, DType::f32);
  const Values expected = Harness(reference(), exact, in)
                              .backward_weight(reference().conv2d.backward_weight.choose(exact));
  for_each_backend([&](const Backend& backend) {
    const Harness harness(backend, tested, in);
    for_each_variant(
        backend.conv2d.backward_weight, tested,
        [&](const auto& v) { return harness.backward_weight(v); },
        [&](const char* variant, const Values& found) {
          if (integers && !is_winograd(variant)) {
            CHECK(found == expected);
          } else if (p.n == 0) {
            CHECK(norm(found) == 0);
          } else {
            const double terms = backward_weight_terms(p) + 2 * p.prologue;
            check_close(found, expected, bound_of(variant, terms), "dw");
          }
        });
  });
}

}  // namespace

TEST_CASE("conv2d forward") {
  for (const Conv2dProblem& p : cases()) {
    check_forward(p, false);
    check_forward(p, true);
  }
}

TEST_CASE("conv2d forward: every prologue and epilogue") {
  for (int bits = 0; bits < 64; ++bits) {
    Conv2dProblem p{.n = 2, .h = 6, .w = 5, .c_in = 16, .c_out = 32, .kh = 3, .kw = 3};
    p.pad_h = p.pad_w = 1;
    p.bias = bits & 1;
    p.residual = bits & 2;
    p.relu = bits & 4;
    p.sums = bits & 8;
    p.prologue = bits & 16;
    p.prologue_relu = p.prologue && (bits & 32);
    check_forward(p, false);
    check_forward(p, true);
    p.c_in = 5;
    p.c_out = 37;
    check_forward(p, true);
  }
}

TEST_CASE("conv2d backward_data") {
  for (Conv2dProblem p : cases()) {
    check_backward_data(p, false);
    check_backward_data(p, true);
    p.accumulate = true;
    check_backward_data(p, true);
  }
}

TEST_CASE("conv2d backward_weight") {
  for (Conv2dProblem p : cases()) {
    check_backward_weight(p, false);
    check_backward_weight(p, true);
    p.prologue = p.prologue_relu = true;
    check_backward_weight(p, true);
  }
}

TEST_CASE("conv2d: same bits for every thread count") {
  const int threads = thread_count();
  for (const Conv2dProblem& p : cases()) {
    CAPTURE(p);
    const Inputs in = random_inputs(p, false);
    for (const Backend& backend : tested_backends()) {
      if (std::string_view(backend.name) == "ref") continue;
      INFO("backend ", backend.name);
      const Harness harness(backend, p, in);
      const auto same_for_every_count = [&](const auto& slot, const auto& run) {
        for (const auto& variant : slot.all()) {
          if (!variant.supports(p)) continue;
          INFO("variant ", variant.name);
          set_thread_count(1);
          const auto expected = run(variant);
          for (int count : {2, 3}) {
            set_thread_count(count);
            CHECK(run(variant) == expected);
          }
        }
      };
      same_for_every_count(backend.conv2d.forward,
                           [&](const auto& v) { return harness.forward(v); });
      same_for_every_count(backend.conv2d.backward_data,
                           [&](const auto& v) { return harness.backward_data(v); });
      same_for_every_count(backend.conv2d.backward_weight,
                           [&](const auto& v) { return harness.backward_weight(v); });
    }
  }
  set_thread_count(threads);
}

TEST_CASE("conv2d forward on cpu: a picture's result does not depend on its batch") {
  const Backend backend = cpu_backend();
  for (const Conv2dProblem& p : cases()) {
    if (p.n < 2) continue;
    CAPTURE(p);
    const Inputs in = random_inputs(p, false);
    Conv2dProblem single = p;
    single.n = 1;
    for (const auto& variant : backend.conv2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("variant ", variant.name);
      const Values all = Harness(backend, p, in).forward(variant).y;
      Inputs last = in;
      last.x.assign(in.x.end() - single.x_size(), in.x.end());
      last.residual.assign(in.residual.end() - single.y_size(), in.residual.end());
      const Values expected(all.end() - single.y_size(), all.end());
      CHECK(Harness(backend, single, last).forward(variant).y == expected);
    }
  }
}

TEST_CASE("conv2d forward: the residual may be y itself") {
  Conv2dProblem p{.n = 1, .h = 6, .w = 5, .c_in = 320, .c_out = 48, .kh = 3, .kw = 3};
  p.pad_h = p.pad_w = 1;
  p.residual = p.relu = true;
  const Inputs in = random_inputs(p, false);
  for (const Backend& backend : tested_backends()) {
    const Harness harness(backend, p, in);
    for (const auto& variant : backend.conv2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("backend ", backend.name, ", variant ", variant.name);
      CHECK(harness.forward_in_place(variant) == harness.forward(variant).y);
    }
  }
}

// Large enough for several blocks of everything; too large for the loops of ref, so the variants
// are compared with each other.
TEST_CASE("conv2d on cpu: variants agree on large problems") {
  const Backend backend = cpu_backend();
  for (Conv2dProblem p : {Conv2dProblem{.n = 3, .h = 56, .w = 55, .c_in = 64, .c_out = 80},
                          Conv2dProblem{.n = 1, .h = 60, .w = 61, .c_in = 1008, .c_out = 16}}) {
    p.kh = p.kw = 3;
    p.pad_h = p.pad_w = 1;
    CAPTURE(p);
    const Inputs in = random_inputs(p, false);
    const Harness harness(backend, p, in);
    const auto all_agree = [&](const auto& slot, double terms, const auto& run) {
      const Values first = run(slot.all().front());
      for (const auto& variant : slot.all()) {
        INFO("variant ", variant.name);
        check_close(run(variant), first, bound_of(variant.name, terms), slot.name());
      }
    };
    all_agree(backend.conv2d.forward, forward_terms(p),
              [&](const auto& v) { return harness.forward(v).y; });
    all_agree(backend.conv2d.backward_data, backward_data_terms(p),
              [&](const auto& v) { return harness.backward_data(v); });
    all_agree(backend.conv2d.backward_weight, backward_weight_terms(p),
              [&](const auto& v) { return harness.backward_weight(v); });
  }
}

TEST_CASE("conv2d: cpu refuses what it does not compute") {
  const Backend backend = cpu_backend();
  const Conv2dProblem p = with_dtype({.n = 1, .h = 4, .w = 4}, DType::f64);
  CHECK_THROWS_AS(backend.conv2d.forward.choose(p), Error);
  CHECK_THROWS_AS(backend.conv2d.backward_data.choose(p), Error);
  CHECK_THROWS_AS(backend.conv2d.backward_weight.choose(p), Error);
}

}  // namespace tl::test
