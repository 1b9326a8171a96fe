// conv2d "winograd_f2x2" and "winograd_f4x4", forward and backward_data: conv2d_winograd.cuh on the
// host. 2.25 and 4 times fewer multiplications than a direct sum, for more traffic and more
// rounding: F(4x4) loses about two bits. Never chosen by cost: on request only.
//
// The gradient of x is a convolution of dy with the filters turned by 180 degrees and their
// channels exchanged, padded by 2 - pad (which may be negative), so it takes the same way.
//
// Tiles are done in chunks, so that the workspace is bounded and V and M of a chunk are still in
// the second-level cache when they are read.
#include <algorithm>

#include "kernels/cuda/conv2d_winograd.cuh"
#include "kernels/cuda/winograd_f2x2.cuh"
#include "kernels/cuda/winograd_f4x4.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr std::int64_t kFloatBytes = sizeof(float);

template <class F>
struct Winograd {
  static constexpr std::int64_t kPlane = F::kPoints * F::kPoints;

  static WinogradShape forward_shape(const Conv2dProblem& p) {
    return winograd_forward_shape<F>(p);
  }
  static WinogradShape backward_data_shape(const Conv2dProblem& p) {
    const ConvShape s(p);
    return with_tiles<F>(
        {s.n, s.out_h, s.out_w, s.c_out, 2 - s.pad_h, 2 - s.pad_w, s.h, s.w, s.c_in, 0, 0});
  }

  /// Of V of one chunk.
  static std::int64_t v_floats(const WinogradShape& shape) {
    return whole_lines(winograd_chunk_tiles<F>(shape) * kPlane * shape.c_in);
  }
  static std::int64_t workspace_bytes(const WinogradShape& shape) {
    return (v_floats(shape) + winograd_chunk_tiles<F>(shape) * kPlane * shape.c_out) * kFloatBytes;
  }

  /// M = V * U^T for all points of `tiles` tiles.
  static void multiply(Stream stream, const WinogradShape& shape, std::int64_t tiles,
                       const float* v, const float* u, float* m) {
    Conv2dProblem product{.n = tiles, .c_in = kPlane * shape.c_in, .c_out = kPlane * shape.c_out};
    product.groups = kPlane;
    Conv2dForwardArgs args;
    args.x = view_of(v, product.x_size());
    args.w = view_of(u, product.w_size());
    args.y = view_of(m, product.y_size());
    conv2d_forward_implicit_gemm(stream, product, args);
  }

  template <class T>
  static void run_tiles(Stream stream, const WinogradShape& shape, const Prologue& prologue,
                        const Epilogue<T>& epilogue, const T* x, ConstView prepared, T* y,
                        View workspace) {
    const auto u = static_cast<const float*>(prepared.data);
    const auto v = static_cast<float*>(workspace.data);
    float* const m = v + v_floats(shape);
    const std::int64_t chunk = winograd_chunk_tiles<F>(shape);
    for (std::int64_t first = 0; first < shape.tiles(); first += chunk) {
      const std::int64_t tiles = std::min(chunk, shape.tiles() - first);
      launch<winograd_transform_input<F, T>>(blocks_for(tiles * shape.c_in), kThreads, 0,
                                             native(stream), shape, prologue, x, first,
                                             tiles * shape.c_in, v);
      multiply(stream, shape, tiles, v, u, m);
      launch<winograd_transform_output<F, T>>(
          blocks_for(tiles * shape.c_out), kThreads, 0, native(stream), shape, epilogue,
          static_cast<const float*>(m), first, tiles * shape.c_out, y);
    }
  }

  static bool supports(const Conv2dProblem& p) {
    return conv2d_supports(p) && is_winograd_shape(p);
  }

  static std::int64_t prepared_bytes(const Conv2dProblem& p) {
    return kPlane * p.c_in * p.c_out * kFloatBytes;
  }

  template <bool turned>
  static void prepare(Stream stream, const Conv2dProblem& p, ConstView weights, View prepared) {
    with_f32_or_bf16("conv2d", p.w_dtype, [&]<class T>(T) {
      const std::int64_t size = p.c_in * p.c_out;
      launch<winograd_transform_filter<F, T>>(blocks_for(size), kThreads, 0, native(stream),
                                              weights.as<T>(), static_cast<int>(p.c_in), turned,
                                              size, static_cast<float*>(prepared.data));
    });
  }

  static void forward(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
    if (p.y_size() > 0) {
      with_f32_or_bf16("conv2d", p.y_dtype, [&]<class T>(T) {
        run_tiles<T>(stream, forward_shape(p), Prologue(p, args.scale, args.shift),
                     Epilogue<T>(p, args), args.x.as<T>(), args.w, args.y.as<T>(), args.workspace);
      });
    }
    conv2d_channel_sums(stream, p, args);
  }
  static std::int64_t forward_bytes(const Conv2dProblem& p) {
    return std::max(workspace_bytes(forward_shape(p)), conv2d_channel_sums_bytes(p));
  }

  static void backward_data(Stream stream, const Conv2dProblem& p,
                            const Conv2dBackwardDataArgs& args) {
    if (p.x_size() == 0) return;
    with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
      T* const dx = args.dx.as<T>();
      Epilogue<T> epilogue{};
      if (p.accumulate) epilogue.residual = dx;
      run_tiles<T>(stream, backward_data_shape(p), Prologue{}, epilogue, args.dy.as<T>(), args.w,
                   dx, args.workspace);
    });
  }
  static std::int64_t backward_data_bytes(const Conv2dProblem& p) {
    return workspace_bytes(backward_data_shape(p));
  }

  /// A product for each point of a tile, and the transforms: about 48 more per channel and point.
  static double cost(const WinogradShape& shape) {
    const double c_in = shape.c_in, c_out = shape.c_out;
    return static_cast<double>(shape.tiles() * kPlane) * (c_in * c_out + 48 * (c_in + c_out));
  }
  static double forward_cost(const Conv2dProblem& p) { return cost(forward_shape(p)); }
  static double backward_data_cost(const Conv2dProblem& p) { return cost(backward_data_shape(p)); }
};

template <class F>
void add_winograd(const char* name, Conv2dKernels& kernels) {
  using W = Winograd<F>;
  kernels.forward.add({.name = name,
                       .supports = W::supports,
                       .prepared_bytes = W::prepared_bytes,
                       .prepare = W::template prepare<false>,
                       .workspace_bytes = W::forward_bytes,
                       .run = W::forward,
                       .cost = W::forward_cost,
                       .on_request = true});
  kernels.backward_data.add({.name = name,
                             .supports = W::supports,
                             .prepared_bytes = W::prepared_bytes,
                             .prepare = W::template prepare<true>,
                             .workspace_bytes = W::backward_data_bytes,
                             .run = W::backward_data,
                             .cost = W::backward_data_cost,
                             .on_request = true});
}

}  // namespace

void add_conv2d_winograd(Conv2dKernels& kernels) {
  add_winograd<WinogradF2x2>("winograd_f2x2", kernels);
  add_winograd<WinogradF4x4>("winograd_f4x4", kernels);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
