// The inner loop behind tile_product (microkernel-inl.h): start from bias and addend, add up the
// products, store. Compiled once per instruction set and number of rows.
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
                             std::int64_t depth) {
  for (std::int64_t block = 0; block < depth / kDepthBlock; ++block) {
    for (int l = 0; l < kDepthBlock; l += kUnroll) {
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
HWY_INLINE void multiply_add(Accumulators<kRows>& sum, Columns a, const float* b,
                             std::int64_t depth) {
  for (std::int64_t l = 0; l < depth; ++l) {
    multiply_add_step<kRows, 1>(sum, a.data, b);
    a.data += a.step;
    b += kPanel;
  }
}

template <int kRows>
HWY_INLINE void load_start(Accumulators<kRows>& sum, const TileOutput& out) {
  const FloatTag d;
  const Vec left = out.bias ? hn::LoadU(d, out.bias) : hn::Zero(d);
  const Vec right = out.bias ? hn::LoadU(d, out.bias + kLanes) : hn::Zero(d);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    sum.left[i] = left;
    sum.right[i] = right;
  }
  if (!out.addend) return;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const float* row = out.addend + i * out.step;
    sum.left[i] = hn::Add(sum.left[i], hn::LoadU(d, row));
    sum.right[i] = hn::Add(sum.right[i], hn::LoadU(d, row + kLanes));
  }
}

template <int kRows>
HWY_INLINE void store_result(Accumulators<kRows>& sum, const TileOutput& out) {
  const FloatTag d;
  if (out.relu) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      sum.left[i] = relu(sum.left[i]);
      sum.right[i] = relu(sum.right[i]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    hn::StoreU(sum.left[i], d, out.y + i * out.step);
    hn::StoreU(sum.right[i], d, out.y + i * out.step + kLanes);
  }
}

template <int kRows, class Rows>
HWY_NOINLINE void tile_of_rows(Rows a, const float* b, std::int64_t depth, const TileOutput& out) {
  Accumulators<kRows> sum;
  load_start(sum, out);
  multiply_add(sum, a, b, depth);
  store_result(sum, out);
}

template <class Rows, int... kIndex>
constexpr std::array<TileFunction<Rows>, kMaxRows> tile_functions(
    std::integer_sequence<int, kIndex...>) {
  return {&tile_of_rows<kIndex + 1, Rows>...};
}

}  // namespace

constinit const std::array<TileFunction<DepthMajor16>, kMaxRows> kDepthMajorTiles =
    tile_functions<DepthMajor16>(std::make_integer_sequence<int, kMaxRows>{});
constinit const std::array<TileFunction<Columns>, kMaxRows> kColumnTiles =
    tile_functions<Columns>(std::make_integer_sequence<int, kMaxRows>{});

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
