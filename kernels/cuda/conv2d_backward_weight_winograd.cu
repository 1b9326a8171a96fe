// conv2d.backward_weight "winograd_f3x3": the gradient of a 3x3 filter is a convolution of x with
// dy that has 3x3 results. Cut into tiles of 4x4 pixels of dy it is Winograd's F(3x3, 4x4), on the
// points of winograd_f4x4.cuh:
//
//   V [tile][point][c_in]     transformed patches of x, as in the forward pass
//   D [tile][point][c_out]    transformed tiles of dy
//   M [point][c_out][c_in]    D^T * V, summed over the tiles: the part of the filter
//   dw                        transformed M
//
// The products are dw of one convolution of 1x1 with a group per point, tiles for pixels. Each
// chunk of tiles leaves an M of its own; they are added in order by the last transform. On request
// only.
#include "kernels/cuda/conv2d_backward_weight_tiles.cuh"
#include "kernels/cuda/conv2d_winograd.cuh"
#include "kernels/cuda/winograd_f4x4.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using F = WinogradF4x4;
constexpr int kPlane = F::kPoints * F::kPoints;

/// D of the tiles first_tile ..., `size` = their number * c_out.
template <class T>
__global__ void winograd_transform_gradient(WinogradShape shape, const T* dy,
                                            std::int64_t first_tile, std::int64_t size, float* d) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    const int c = static_cast<int>(i % shape.c_out);
    const std::int64_t tile = i / shape.c_out;
    const WinogradTile place(shape, first_tile + tile, F::kOutputs);
    float pixels[F::kOutputs][F::kOutputs], points[F::kPoints][F::kPoints];
#pragma unroll
    for (int r = 0; r < F::kOutputs; ++r) {
#pragma unroll
      for (int s = 0; s < F::kOutputs; ++s) {
        const int row = place.row + r, column = place.column + s;
        const std::int64_t pixel =
            (static_cast<std::int64_t>(place.image) * shape.y_h + row) * shape.y_w + column;
        const bool inside = row < shape.y_h && column < shape.y_w;
        pixels[r][s] = inside ? float{dy[pixel * shape.c_out + c]} : 0.0f;
      }
    }
    transform_square(pixels, points, F::gradients);
    float* const to = d + tile * kPlane * shape.c_out + c;
#pragma unroll
    for (int r = 0; r < F::kPoints; ++r) {
#pragma unroll
      for (int s = 0; s < F::kPoints; ++s) to[(r * F::kPoints + s) * shape.c_out] = points[r][s];
    }
  }
}

/// dw [c_out, 3, 3, c_in] from M [chunk][point][c_out][c_in], `size` = c_out * c_in.
template <class Dw>
__global__ void winograd_transform_filter_gradient(const float* m, int chunks, int c_in,
                                                   std::int64_t size, Dw* dw) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    float points[F::kPoints][F::kPoints] = {}, taps[3][3];
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const float* const from = m + chunk * kPlane * size + i;
#pragma unroll
      for (int r = 0; r < F::kPoints; ++r) {
#pragma unroll
        for (int s = 0; s < F::kPoints; ++s) points[r][s] += from[(r * F::kPoints + s) * size];
      }
    }
    transform_square(points, taps, F::tap_gradients);
    const std::int64_t co = i / c_in, ci = i % c_in;
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      dw[(co * 9 + tap) * c_in + ci] = static_cast<Dw>(taps[tap / 3][tap % 3]);
    }
  }
}

/// D^T * V of `tiles` tiles.
Conv2dProblem product_of(const WinogradShape& shape, std::int64_t tiles) {
  Conv2dProblem product{.n = tiles, .c_in = kPlane * shape.c_in, .c_out = kPlane * shape.c_out};
  product.groups = kPlane;
  return product;
}

/// The workspace, in floats: V, D, M and what the products need.
struct Plan {
  WinogradShape shape;
  std::int64_t chunk_tiles, chunks, v, d, m;
  std::int64_t product_bytes = 0;

  explicit Plan(const Conv2dProblem& p)
      : shape(winograd_forward_shape<F>(p)),
        chunk_tiles(winograd_chunk_tiles<F>(shape)),
        chunks(chunk_tiles > 0 ? ceil_div(shape.tiles(), chunk_tiles) : 0),
        v(whole_lines(chunk_tiles * kPlane * shape.c_in)),
        d(whole_lines(chunk_tiles * kPlane * shape.c_out)),
        m(whole_lines(chunks * kPlane * p.c_in * p.c_out)) {
    for (std::int64_t chunk : {std::int64_t{0}, chunks - 1}) {
      const Conv2dProblem product = product_of(shape, tiles_of(chunk));
      product_bytes =
          std::max(product_bytes, BackwardWeightOnTiles<RegisterKind>::workspace_bytes(product));
    }
  }

  std::int64_t tiles_of(std::int64_t chunk) const {
    return std::clamp<std::int64_t>(shape.tiles() - chunk * chunk_tiles, 0, chunk_tiles);
  }
  std::int64_t floats() const { return v + d + m; }
};

void run(Stream stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const Plan plan(p);
  const WinogradShape& shape = plan.shape;
  float* const v = static_cast<float*>(args.workspace.data);
  float* const d = v + plan.v;
  float* const m = d + plan.d;
  const std::int64_t size = p.c_out * p.c_in;
  for (std::int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
    const std::int64_t tiles = plan.tiles_of(chunk), first = chunk * plan.chunk_tiles;
    with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
      launch<winograd_transform_input<F, T>>(
          blocks_for(tiles * p.c_in), kThreads, 0, native(stream), shape,
          Prologue(p, args.scale, args.shift), args.x.as<T>(), first, tiles * p.c_in, v);
      launch<winograd_transform_gradient<T>>(blocks_for(tiles * p.c_out), kThreads, 0,
                                             native(stream), shape, args.dy.as<T>(), first,
                                             tiles * p.c_out, d);
    });
    const Conv2dProblem product = product_of(shape, tiles);
    Conv2dBackwardWeightArgs factors;
    factors.x = view_of(static_cast<const float*>(v), product.x_size());
    factors.dy = view_of(static_cast<const float*>(d), product.y_size());
    factors.dw = view_of(m + chunk * kPlane * size, product.w_size());
    factors.workspace = {v + plan.floats(), DType::u8, plan.product_bytes};
    conv2d_backward_weight_implicit_gemm(stream, product, factors);
  }
  with_f32_or_bf16("conv2d", p.w_dtype, [&]<class Dw>(Dw) {
    launch<winograd_transform_filter_gradient<Dw>>(
        blocks_for(size), kThreads, 0, native(stream), static_cast<const float*>(m),
        static_cast<int>(plan.chunks), static_cast<int>(p.c_in), size, args.dw.as<Dw>());
  });
}

bool supports(const Conv2dProblem& p) { return conv2d_supports_weight(p) && is_winograd_shape(p); }

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  const Plan plan(p);
  return plan.floats() * static_cast<std::int64_t>(sizeof(float)) + plan.product_bytes;
}

/// As forward's: a product for each point of a tile, and the transforms.
double cost(const Conv2dProblem& p) {
  const auto tiles = static_cast<double>(winograd_forward_shape<F>(p).tiles());
  const auto c_in = static_cast<double>(p.c_in), c_out = static_cast<double>(p.c_out);
  return tiles * kPlane * (c_in * c_out + 48 * (c_in + c_out));
}

}  // namespace

void add_conv2d_backward_weight_winograd(Conv2dKernels& kernels) {
  kernels.backward_weight.add({.name = "winograd_f3x3",
                               .supports = supports,
                               .workspace_bytes = workspace_bytes,
                               .run = run,
                               .cost = cost,
                               .on_request = true});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
