// conv2d "im2col": the matrices of a convolution written out in the workspace, then a plain product
// of matrices. With the columns in memory a convolution is one of 1x1 on a picture of one line:
//
//   columns [m, g, k]  what pixel m of y sees at tap k of group g (prologue applied, 0 outside)
//
//   forward            columns from x, then y = columns * w
//   backward_data      columns = dy * w, then each element of dx adds up the columns it is seen in
//   backward_weight    columns from x, then dw = dy^T * columns
//
// Products are those of "implicit_gemm" on 1x1 filters. Against "naive" it reuses operands from
// shared memory; against "implicit_gemm" it writes and reads kh * kw copies of the picture, which
// is why nobody does it on a GPU any more. The columns of x are of its dtype; those of dy are sums,
// and f32. A prologue beside bf16 is refused: its result would be rounded once more.
#include "kernels/cuda/conv2d_backward_data_tiles.cuh"
#include "kernels/cuda/conv2d_backward_weight_tiles.cuh"
#include "kernels/cuda/conv2d_forward_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// columns[m, g, k], one thread per element.
template <class T>
__global__ void conv2d_im2col(ConvShape shape, Prologue prologue, const T* x, T* columns,
                              std::int64_t size) {
  const int groups = shape.c_in / shape.group_in;
  const int depth = shape.kh * shape.kw * shape.group_in;
  const int pixels = shape.n * shape.out_h * shape.out_w;
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    const int k = static_cast<int>(i % depth);
    const int group = static_cast<int>(i / depth % groups);
    const int m = static_cast<int>(i / (static_cast<std::int64_t>(depth) * groups));
    const Gather gather(shape, group);
    const Tap tap = gather.tap(k);
    const T* const from = gather.at(x, gather.pixel(m, pixels), tap);
    columns[i] =
        from ? static_cast<T>(prologue(*from, gather.first_channel + tap.channel)) : T(0.0f);
  }
}

/// dx[i] = the sum of the columns that x[i] is seen in, one thread per element.
template <class T>
__global__ void conv2d_col2im(ConvShape shape, bool accumulate, const float* columns, T* dx,
                              std::int64_t size) {
  const int groups = shape.c_in / shape.group_in;
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    const int ci = static_cast<int>(i % shape.c_in);
    const std::int64_t pixel = i / shape.c_in;
    const int iw = static_cast<int>(pixel % shape.w),
              ih = static_cast<int>(pixel / shape.w % shape.h);
    const std::int64_t image = pixel / (static_cast<std::int64_t>(shape.h) * shape.w);
    const int group = ci / shape.group_in, channel = ci % shape.group_in;
    float sum = 0;
    for (int r = 0; r < shape.kh; ++r) {
      const int h = ih + shape.pad_h - r * shape.dilation_h;
      if (h < 0 || h % shape.stride_h != 0 || h / shape.stride_h >= shape.out_h) continue;
      for (int s = 0; s < shape.kw; ++s) {
        const int w = iw + shape.pad_w - s * shape.dilation_w;
        if (w < 0 || w % shape.stride_w != 0 || w / shape.stride_w >= shape.out_w) continue;
        const std::int64_t m =
            (image * shape.out_h + h / shape.stride_h) * shape.out_w + w / shape.stride_w;
        sum += columns[(((m * groups + group) * shape.kh + r) * shape.kw + s) * shape.group_in +
                       channel];
      }
    }
    dx[i] = static_cast<T>(accumulate ? dx[i] + sum : sum);
  }
}

/// The convolution of the columns: each pixel of y is a picture of one pixel.
Conv2dProblem product_of(const Conv2dProblem& p) {
  Conv2dProblem product = p;
  product.n = p.n * p.out_h() * p.out_w();
  product.h = product.w = product.kh = product.kw = 1;
  product.c_in = p.kh * p.kw * p.c_in;
  product.stride_h = product.stride_w = product.dilation_h = product.dilation_w = 1;
  product.pad_h = product.pad_w = 0;
  product.prologue = product.prologue_relu = product.accumulate = false;
  return product;
}

/// Columns as part of a workspace, with room to the next multiple of 64 bytes.
std::int64_t column_bytes(const Conv2dProblem& product, DType dtype) {
  return ceil_div(product.x_size() * static_cast<std::int64_t>(size_of(dtype)), 64) * 64;
}

/// The columns of x in the first part of the workspace.
ConstView write_columns(Stream stream, const Conv2dProblem& p, ConstView x, ConstView scale,
                        ConstView shift, View workspace) {
  const std::int64_t size = product_of(p).x_size();
  if (size > 0) {
    with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
      launch<conv2d_im2col<T>>(blocks_for(size), kThreads, 0, native(stream), ConvShape(p),
                               Prologue(p, scale, shift), x.as<T>(),
                               static_cast<T*>(workspace.data), size);
    });
  }
  return {workspace.data, p.x_dtype, size};
}

View after(View workspace, std::int64_t bytes) {
  return {static_cast<char*>(workspace.data) + bytes, DType::u8, workspace.size - bytes};
}

void forward(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  const Conv2dProblem product = product_of(p);
  Conv2dForwardArgs columns_times_w = args;
  columns_times_w.x = write_columns(stream, p, args.x, args.scale, args.shift, args.workspace);
  columns_times_w.workspace = after(args.workspace, column_bytes(product, p.x_dtype));
  conv2d_forward_implicit_gemm(stream, product, columns_times_w);
}

void backward_data(Stream stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  if (p.x_size() == 0) return;
  Conv2dProblem product = product_of(p);
  product.x_dtype = DType::f32;
  Conv2dBackwardDataArgs dy_times_w = args;
  dy_times_w.dx = {args.workspace.data, DType::f32, product.x_size()};
  conv2d_backward_data_implicit_gemm(stream, product, dy_times_w);
  with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
    launch<conv2d_col2im<T>>(blocks_for(p.x_size()), kThreads, 0, native(stream), ConvShape(p),
                             p.accumulate, static_cast<const float*>(args.workspace.data),
                             args.dx.as<T>(), p.x_size());
  });
}

void backward_weight(Stream stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  const Conv2dProblem product = product_of(p);
  Conv2dBackwardWeightArgs dy_times_columns = args;
  dy_times_columns.x = write_columns(stream, p, args.x, args.scale, args.shift, args.workspace);
  dy_times_columns.workspace = after(args.workspace, column_bytes(product, p.x_dtype));
  conv2d_backward_weight_implicit_gemm(stream, product, dy_times_columns);
}

std::int64_t forward_bytes(const Conv2dProblem& p) {
  const Conv2dProblem product = product_of(p);
  return column_bytes(product, p.x_dtype) + ForwardOnTiles<RegisterKind>::workspace_bytes(product);
}
std::int64_t backward_data_bytes(const Conv2dProblem& p) {
  return column_bytes(product_of(p), DType::f32);
}
std::int64_t backward_weight_bytes(const Conv2dProblem& p) {
  const Conv2dProblem product = product_of(p);
  return column_bytes(product, p.x_dtype) +
         BackwardWeightOnTiles<RegisterKind>::workspace_bytes(product);
}

/// `Pass` is that of the product.
template <class Pass>
bool supports(const Conv2dProblem& p) {
  const bool rounds_columns = p.prologue && p.x_dtype == DType::bf16;
  return Pass::supports(p) && Pass::supports(product_of(p)) && !rounds_columns;
}

/// An element of the columns is written and read besides: as much as so many multiply-adds.
template <class Pass>
double cost(const Conv2dProblem& p) {
  constexpr double kColumnCost = 64;
  return Pass::cost(product_of(p)) + kColumnCost * static_cast<double>(product_of(p).x_size());
}

}  // namespace

void add_conv2d_im2col(Conv2dKernels& kernels) {
  kernels.forward.add({.name = "im2col",
                       .supports = supports<ForwardOnTiles<RegisterKind>>,
                       .workspace_bytes = forward_bytes,
                       .run = forward,
                       .cost = cost<ForwardOnTiles<RegisterKind>>});
  kernels.backward_data.add({.name = "im2col",
                             .supports = supports<BackwardDataOnTiles<RegisterKind>>,
                             .workspace_bytes = backward_data_bytes,
                             .run = backward_data,
                             .cost = cost<BackwardDataOnTiles<RegisterKind>>});
  kernels.backward_weight.add({.name = "im2col",
                               .supports = supports<BackwardWeightOnTiles<RegisterKind>>,
                               .workspace_bytes = backward_weight_bytes,
                               .run = backward_weight,
                               .cost = cost<BackwardWeightOnTiles<RegisterKind>>});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
