// Pixels: how kernels walk over an NHWC tensor whose channels are alike: pools. A thread has N
// neighbouring channels of one pixel at a time, 16 bytes where all buffers allow it.
//
//   with_pixels<T>(size, rows, columns, channels,
//                  [&]<int N, class D>(Pixels<N, D> pixels, std::int64_t count) {
//                    launch<kernel<N, T, D>>(blocks_for(count), kThreads, ..., pixels, count, x,
//                    y);
//                  }, x, y);
//
//   const PixelAt at = pixels(i);     in the kernel: where the i-th pack of channels lies
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// Calls f(n) with n() the number of channels per thread, a constant: as many T as make 16 bytes
/// where `channels` is a multiple of that and packs of so many elements may begin at every array;
/// else 1. Elements wider than T are moved in several packs of 16 bytes.
template <class T, class F, class... X>
void with_channel_packs(std::int64_t channels, const F& f, const X*... arrays) {
  constexpr int N = kVectorOf<T>;
  if (channels % N == 0 && (is_aligned_for<std::min(N, kVectorOf<X>)>(arrays) && ...)) {
    f(std::integral_constant<int, N>{});
  } else {
    f(std::integral_constant<int, 1>{});
  }
}

struct PixelAt {
  std::int64_t image, row, column, channel;
};

/// The packs of N channels of [.., rows, columns, channels]. D: a divisor (divisor.cuh).
template <int N, class D>
class Pixels {
 public:
  Pixels(std::int64_t rows, std::int64_t columns, std::int64_t channels)
      : packs_(channels / N), columns_(columns), rows_(rows) {}

  __device__ PixelAt operator()(std::int64_t i) const {
    const Division pixel = packs_(i);
    const Division column = columns_(pixel.quotient);
    const Division row = rows_(column.quotient);
    return {row.quotient, row.remainder, column.remainder, pixel.remainder * N};
  }

 private:
  D packs_, columns_, rows_;
};

/// Calls f(pixels, count) for an array of `size` elements, [.., rows, columns, channels], of which
/// each of `count` threads has a pack; `arrays` are all that the kernel touches in packs. Nothing
/// to do for a size of 0.
template <class T, class F, class... X>
void with_pixels(std::int64_t size, std::int64_t rows, std::int64_t columns, std::int64_t channels,
                 const F& f, const X*... arrays) {
  if (size == 0) return;
  const auto run = [&](auto n) {
    const std::int64_t count = size / n();
    with_divisor(count, [&]<class D>(D) { f(Pixels<n(), D>(rows, columns, channels), count); });
  };
  with_channel_packs<T>(channels, run, arrays...);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
