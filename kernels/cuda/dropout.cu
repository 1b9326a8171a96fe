// dropout: the contract of kernels/dropout.h. Philox makes four words at a time, so a thread takes
// the elements of whole blocks of them: 16 bytes of x, one block in f32 and two in bf16.
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"
#include "kernels/cuda/vector.cuh"
#include "kernels/philox.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

struct Mask {
  std::uint64_t seed, call, threshold;
  float scale;
  const std::uint64_t* call_offset;

  /// The mask of the call that this is a replay of.
  __device__ Mask moved_on() const {
    Mask mask = *this;
    if (call_offset) mask.call += *call_offset;
    return mask;
  }

  /// Elements 4 * block ... 4 * block + 3.
  __device__ void apply(std::int64_t block, float* x) const {
    const auto words = philox_block(seed, call, static_cast<std::uint64_t>(block));
#pragma unroll
    for (int i = 0; i < 4; ++i) x[i] = words[i] >= threshold ? x[i] * scale : 0;
  }
};

/// kPacked: x and y are aligned for packs.
template <bool kPacked, class T>
__global__ void drop(Mask first_mask, std::int64_t size, const T* x, T* y) {
  constexpr int kElements = kVectorOf<T>;
  const Mask mask = first_mask.moved_on();
  const std::int64_t groups = (size + kElements - 1) / kElements;
  for (std::int64_t g = first_index(); g < groups; g += index_step()) {
    const std::int64_t begin = g * kElements;
    const bool whole = kPacked && begin + kElements <= size;
    const int rest = static_cast<int>(min(size - begin, std::int64_t{kElements}));
    float value[kElements];
    if (whole) {
      load_floats(x + begin, value);
    } else {
#pragma unroll
      for (int i = 0; i < kElements; ++i) {
        value[i] = i < rest ? static_cast<float>(x[begin + i]) : 0;
      }
    }
#pragma unroll
    for (int i = 0; i < kElements; i += 4) mask.apply(begin / 4 + i / 4, value + i);
    if (whole) {
      store_floats(y + begin, value);
    } else {
#pragma unroll
      for (int i = 0; i < kElements; ++i) {
        if (i < rest) y[begin + i] = static_cast<T>(value[i]);
      }
    }
  }
}

void run(Stream stream, const DropoutProblem& p, ConstView x_view, View y_view) {
  with_f32_or_bf16("dropout", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    const std::int64_t size = y_view.size;
    if (size == 0) return;
    const Mask mask = {p.seed, p.call, p.threshold(), static_cast<float>(p.scale()), p.call_offset};
    const unsigned blocks = blocks_for(ceil_div(size, kVectorOf<T>));
    if (is_aligned_for<kVectorOf<T>>(x) && is_aligned_for<kVectorOf<T>>(y)) {
      launch<drop<true, T>>(blocks, kThreads, 0, native(stream), mask, size, x, y);
    } else {
      launch<drop<false, T>>(blocks, kThreads, 0, native(stream), mask, size, x, y);
    }
  });
}

}  // namespace

void install_dropout(Backend& b) { b.dropout.run = run; }

}  // namespace tl::TL_DEVICE_NAMESPACE
