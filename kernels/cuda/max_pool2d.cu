// max_pool2d "channel_packs": the contract of kernels/max_pool2d.h. A thread has a pack of channels
// of one pixel (pixels.cuh). Backward gathers: an element of dx looks through the windows that may
// hold it and adds the dy of those whose position it is, in the order of y. No atomics: same bits
// in every run.
#include <cmath>
#include <limits>

#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/pixels.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// N positions, in packs of 16 bytes at most.
template <int N>
__device__ void store_positions(std::int32_t* to, const std::int32_t (&position)[N]) {
  constexpr int kPack = std::min(N, kVectorOf<std::int32_t>);
#pragma unroll
  for (int i = 0; i < N; i += kPack) {
    Pack<std::int32_t, kPack> pack;
#pragma unroll
    for (int j = 0; j < kPack; ++j) pack.x[j] = position[i + j];
    store_pack(to + i, pack);
  }
}

template <int N>
__device__ void load_positions(const std::int32_t* from, std::int32_t (&position)[N]) {
  constexpr int kPack = std::min(N, kVectorOf<std::int32_t>);
#pragma unroll
  for (int i = 0; i < N; i += kPack) {
    const auto pack = load_pack<kPack>(from + i);
#pragma unroll
    for (int j = 0; j < kPack; ++j) position[i + j] = pack.x[j];
  }
}

template <int N, class T, class D>
__global__ void largest(MaxPool2dProblem p, Pixels<N, D> outputs, std::int64_t count, const T* x,
                        T* y, std::int32_t* position) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const PixelAt at = outputs(i);
    float best[N];
    std::int32_t best_at[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
      best[j] = -std::numeric_limits<float>::infinity();
      best_at[j] = -1;
    }
    for (std::int64_t r = 0; r < p.kernel_h; ++r) {
      const std::int64_t h = at.row * p.stride_h - p.pad_h + r * p.dilation_h;
      if (h < 0 || h >= p.h) continue;
      for (std::int64_t s = 0; s < p.kernel_w; ++s) {
        const std::int64_t w = at.column * p.stride_w - p.pad_w + s * p.dilation_w;
        if (w < 0 || w >= p.w) continue;
        float value[N];
        load_floats(x + ((at.image * p.h + h) * p.w + w) * p.c + at.channel, value);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          // The first one, a larger one, or the first NaN.
          const bool wins =
              best_at[j] < 0 || value[j] > best[j] || (value[j] != value[j] && best[j] == best[j]);
          if (wins) {
            best[j] = value[j];
            best_at[j] = static_cast<std::int32_t>(h * p.w + w);
          }
        }
      }
    }
    store_floats(y + i * N, best);
    if (position) store_positions(position + i * N, best_at);
  }
}

/// The windows along one axis that may hold element `at`: from `first` to before `end`.
struct Windows {
  std::int64_t first, end;

  __device__ Windows(std::int64_t at, std::int64_t reach, std::int64_t stride, std::int64_t pad,
                     std::int64_t outputs) {
    const std::int64_t before = at + pad - reach;  // the last element that window 0 leaves behind
    first = before < 0 ? 0 : before / stride + 1;
    end = min((at + pad) / stride + 1, outputs);
  }
};

template <int N, class T, class D>
__global__ void gather_dy(MaxPool2dProblem p, std::int64_t out_h, std::int64_t out_w,
                          Pixels<N, D> inputs, std::int64_t count, const T* dy,
                          const std::int32_t* position, T* dx) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const PixelAt at = inputs(i);
    const Windows rows(at.row, p.dilation_h * (p.kernel_h - 1) + 1, p.stride_h, p.pad_h, out_h);
    const Windows columns(at.column, p.dilation_w * (p.kernel_w - 1) + 1, p.stride_w, p.pad_w,
                          out_w);
    const auto mine = static_cast<std::int32_t>(at.row * p.w + at.column);
    float sum[N] = {};
    for (std::int64_t oh = rows.first; oh < rows.end; ++oh) {
      for (std::int64_t ow = columns.first; ow < columns.end; ++ow) {
        const std::int64_t k = ((at.image * out_h + oh) * out_w + ow) * p.c + at.channel;
        std::int32_t winner[N];
        load_positions(position + k, winner);
        float value[N];
        load_floats(dy + k, value);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          if (winner[j] == mine) sum[j] += value[j];
        }
      }
    }
    store_floats(dx + i * N, sum);
  }
}

void forward(Stream stream, const MaxPool2dProblem& p, const MaxPool2dForwardArgs& args) {
  with_f32_or_bf16("max_pool2d.forward", p.dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    std::int32_t* position = p.positions ? args.position.as<std::int32_t>() : nullptr;
    const auto run = [&]<int N, class D>(const Pixels<N, D>& outputs, std::int64_t count) {
      launch<largest<N, T, D>>(blocks_for(count), kThreads, 0, native(stream), p, outputs, count, x,
                               y, position);
    };
    with_pixels<T>(p.y_size(), p.out_h(), p.out_w(), p.c, run, x, static_cast<const T*>(y),
                   static_cast<const std::int32_t*>(position));
  });
}

void backward(Stream stream, const MaxPool2dProblem& p, const MaxPool2dBackwardArgs& args) {
  with_f32_or_bf16("max_pool2d.backward", p.dtype, [&]<class T>(T) {
    const T* dy = args.dy.as<T>();
    const std::int32_t* position = args.position.as<std::int32_t>();
    T* dx = args.dx.as<T>();
    const auto run = [&]<int N, class D>(const Pixels<N, D>& inputs, std::int64_t count) {
      launch<gather_dy<N, T, D>>(blocks_for(count), kThreads, 0, native(stream), p, p.out_h(),
                                 p.out_w(), inputs, count, dy, position, dx);
    };
    with_pixels<T>(p.x_size(), p.h, p.w, p.c, run, dy, position, static_cast<const T*>(dx));
  });
}

bool supports(const MaxPool2dProblem& p) { return p.dtype == DType::f32 || p.dtype == DType::bf16; }

}  // namespace

void install_max_pool2d(Backend& b) {
  const char* name = "channel_packs";
  b.max_pool2d.forward.add({.name = name, .supports = supports, .run = forward});
  b.max_pool2d.backward.add({.name = name, .supports = supports, .run = backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
