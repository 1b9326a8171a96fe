// The inner loop behind panel_product (microkernel-inl.h): add up the products of a block,
// then bias and addend, store. Compiled once per instruction set and number of rows.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/microkernel.cpp"
#include "hwy/foreach_target.h"
//
#include <utility>

#include "kernels/cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

// Steps of the sum per turn of the loop. Address checks in each would make it minutes to compile.
#ifdef __SANITIZE_ADDRESS__
constexpr int kUnroll = 1;
#else
constexpr int kUnroll = 4;
#endif

/// What kAheadSteps steps are to fetch: lines into the second-level cache, the row into the first.
HWY_INLINE void fetch(Ahead& ahead) {
  const float* line = ahead.from;
  for (std::int64_t i = 0; i < kLeastLines; ++i, line += kLineFloats) {
    __builtin_prefetch(line, 0, 2);
  }
  // The lines above are unrolled; there are more only where few tiles share a block of the panel.
  for (std::int64_t i = kLeastLines; i < ahead.lines; ++i, line += kLineFloats) {
    __builtin_prefetch(line, 0, 2);
  }
  ahead.from += ahead.step;
  if (ahead.row) {
    for (std::int64_t j = 0; j < kPanel; j += kLineFloats) __builtin_prefetch(ahead.row + j, 1, 3);
    ahead.row += ahead.row_step;
  }
}

/// kRows rows of the accumulators; arrays that the compiler keeps in registers.
template <int kRows>
struct Accumulators {
  Vec left[kRows], right[kRows];
};

template <int kRows, int kRowStep>
HWY_INLINE void multiply_add_step(Accumulators<kRows>& sum, const float* HWY_RESTRICT a,
                                  const float* HWY_RESTRICT b) {
  const FloatTag d;
  const Vec b_left = hn::LoadU(d, b);
  const Vec b_right = hn::LoadU(d, b + kLanes);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const Vec a_i = hn::Set(d, a[i * kRowStep]);
    sum.left[i] = hn::MulAdd(a_i, b_left, sum.left[i]);
    sum.right[i] = hn::MulAdd(a_i, b_right, sum.right[i]);
  }
}

template <int kRows>
HWY_INLINE void multiply_add(Accumulators<kRows>& sum, DepthMajor16 a, const float* b,
                             std::int64_t depth, Ahead ahead) {
  for (std::int64_t block = 0; block < depth / kDepthBlock; ++block) {
    for (int l = 0; l < kDepthBlock; l += kUnroll) {
      if (l % kAheadSteps == 0) fetch(ahead);
#pragma GCC unroll 4
      for (int i = 0; i < kUnroll; ++i) {
        multiply_add_step<kRows, kDepthBlock>(sum, a.data + l + i, b + i * kPanel);
      }
      b += kUnroll * kPanel;
    }
    a.data += a.block_step;
  }
}

template <int kRows>
HWY_INLINE void multiply_add(Accumulators<kRows>& sum, RowMajor a, const float* b,
                             std::int64_t depth, Ahead ahead) {
  // An address reaches three rows from one pointer: +0, +step, +2 * step.
  const float* rows[(kRows + 2) / 3];
#pragma GCC unroll 8
  for (int i = 0; i < (kRows + 2) / 3; ++i) rows[i] = a.data + 3 * i * a.step;
  const auto add_step = [&](int l) HWY_ATTR {
    const FloatTag d;
    const Vec b_left = hn::LoadU(d, b + l * kPanel);
    const Vec b_right = hn::LoadU(d, b + l * kPanel + kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vec a_i = hn::Set(d, rows[i / 3][i % 3 * a.step + l]);
      sum.left[i] = hn::MulAdd(a_i, b_left, sum.left[i]);
      sum.right[i] = hn::MulAdd(a_i, b_right, sum.right[i]);
    }
  };
  const auto advance = [&](int steps) {
#pragma GCC unroll 8
    for (const float*& row : rows) row += steps;
    b += steps * kPanel;
  };
  std::int64_t l = 0;
  for (; l + kUnroll <= depth; l += kUnroll) {
    if (l % kAheadSteps == 0) fetch(ahead);
#pragma GCC unroll 4
    for (int i = 0; i < kUnroll; ++i) add_step(i);
    advance(kUnroll);
  }
  for (; l < depth; ++l) {
    add_step(0);
    advance(1);
  }
}

template <int kRows>
HWY_INLINE void multiply_add(Accumulators<kRows>& sum, Columns a, const float* b,
                             std::int64_t depth, Ahead ahead) {
  for (std::int64_t l = 0; l < depth; ++l) {
    if (l % kAheadSteps == 0) fetch(ahead);
    multiply_add_step<kRows, 1>(sum, a.data, b);
    a.data += a.step;
    b += kPanel;
  }
}

template <int kRows>
HWY_INLINE void set_zero(Accumulators<kRows>& sum) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) sum.left[i] = sum.right[i] = hn::Zero(FloatTag());
}

template <int kRows>
HWY_INLINE void add_rows(Accumulators<kRows>& sum, const float* rows, std::int64_t step) {
  const FloatTag d;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    sum.left[i] = hn::Add(sum.left[i], hn::LoadU(d, rows + i * step));
    sum.right[i] = hn::Add(sum.right[i], hn::LoadU(d, rows + i * step + kLanes));
  }
}

template <int kRows>
HWY_INLINE void store_rows(const Accumulators<kRows>& sum, float* rows, std::int64_t step) {
  const FloatTag d;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    hn::StoreU(sum.left[i], d, rows + i * step);
    hn::StoreU(sum.right[i], d, rows + i * step + kLanes);
  }
}

template <int kRows>
HWY_INLINE void stream_rows(const Accumulators<kRows>& sum, float* rows, std::int64_t step) {
  const FloatTag d;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    hn::Stream(sum.left[i], d, rows + i * step);
    hn::Stream(sum.right[i], d, rows + i * step + kLanes);
  }
}

/// A BlockFunction. Bias, addend and ReLU come last: a large addend at the start would round every
/// step of the sum. A function of its own: its loop keeps all accumulators in registers.
template <int kRows, class Rows>
HWY_NOINLINE void block_of_rows(Rows a, const float* b, std::int64_t depth, const float* so_far,
                                const Ahead& ahead, const TileOutput& out) {
  Accumulators<kRows> sum;
  set_zero(sum);
  multiply_add(sum, a, b, depth, ahead);
  if (so_far) add_rows(sum, so_far, kPanel);
  if (out.bias) add_rows(sum, out.bias, 0);
  if (out.addend) add_rows(sum, out.addend, out.step);
  if (out.relu) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      sum.left[i] = relu(sum.left[i]);
      sum.right[i] = relu(sum.right[i]);
    }
  }
  if (out.store == Store::kStreamed) {
    stream_rows(sum, out.y, out.step);
  } else {
    store_rows(sum, out.y, out.step);
  }
}

template <class Rows, int... kIndex>
constexpr std::array<BlockFunction<Rows>, kMaxRows> block_functions(
    std::integer_sequence<int, kIndex...>) {
  return {&block_of_rows<kIndex + 1, Rows>...};
}

}  // namespace

constinit const std::array<BlockFunction<DepthMajor16>, kMaxRows> kDepthMajorBlocks =
    block_functions<DepthMajor16>(std::make_integer_sequence<int, kMaxRows>{});
constinit const std::array<BlockFunction<RowMajor>, kMaxRows> kRowMajorBlocks =
    block_functions<RowMajor>(std::make_integer_sequence<int, kMaxRows>{});
constinit const std::array<BlockFunction<Columns>, kMaxRows> kColumnBlocks =
    block_functions<Columns>(std::make_integer_sequence<int, kMaxRows>{});

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
