#include "kernels/cuda/vendor/cudnn_graph.h"

#include <array>

#include "kernels/cuda/vendor/call.h"

namespace tl::vendor {
namespace {

constexpr std::int64_t kFirstVirtual = 1000;

cudnnDataType_t cudnn_type(DType dtype) {
  return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/// The convolution itself: strides, paddings, dilations; sums in f32.
Descriptor& convolution(Graph& graph, const Conv2dProblem& p) {
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  const std::array<std::int64_t, 2> strides = {p.stride_h, p.stride_w}, pads = {p.pad_h, p.pad_w},
                                    dilations = {p.dilation_h, p.dilation_w};
  Descriptor& d = graph.part(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, strides)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, pads)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, pads)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, dilations)
      .finalize();
  return d;
}

/// y = mode(x, other), or mode(x) without one; in f32.
void pointwise(Graph& graph, cudnnPointwiseMode_t mode, const Descriptor& x,
               const Descriptor* other, const Descriptor& y) {
  Descriptor& function = graph.part(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  function.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finalize();
  Descriptor& operation = graph.operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  if (other) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *other);
  operation.finalize();
}

/// A pointwise function, and what it takes beside the result so far.
struct Step {
  cudnnPointwiseMode_t mode;
  const Descriptor* other;
};

/// What an operation writes whose result goes through `steps` to y.
const Descriptor& before(const std::vector<Step>& steps, Graph& graph, const Descriptor& y,
                         const TensorShape& shape) {
  return steps.empty() ? y : graph.between(shape);
}
/// Those steps, from what it has written.
void apply(const std::vector<Step>& steps, Graph& graph, const Descriptor& written,
           const Descriptor& y, const TensorShape& shape) {
  const Descriptor* from = &written;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Descriptor* to = i + 1 == steps.size() ? &y : &graph.between(shape);
    pointwise(graph, steps[i].mode, *from, steps[i].other, *to);
    from = to;
  }
}

/// The resampling itself, in f32. Padding is never the maximum.
Descriptor& resampling(Graph& graph, const PoolWindows& w) {
  constexpr std::array kModes = {CUDNN_RESAMPLE_MAXPOOL, CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING,
                                 CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING};
  const cudnnResampleMode_t mode = kModes[static_cast<std::size_t>(w.mode)];
  const cudnnPaddingMode_t padding = w.mode == PoolMode::max ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD;
  const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;
  Descriptor& d = graph.part(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR);
  d.set(CUDNN_ATTR_RESAMPLE_MODE, CUDNN_TYPE_RESAMPLE_MODE, 1, &mode)
      .set(CUDNN_ATTR_RESAMPLE_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_RESAMPLE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, &nan)
      .set(CUDNN_ATTR_RESAMPLE_PADDING_MODE, CUDNN_TYPE_PADDING_MODE, 1, &padding)
      .set(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, std::int64_t{2})
      .set(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, w.window)
      .set(CUDNN_ATTR_RESAMPLE_STRIDES, w.stride)
      .set(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, w.before)
      .set(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, w.after)
      .finalize();
  return d;
}

}  // namespace

Descriptor& Graph::part(cudnnBackendDescriptorType_t type) {
  parts_.push_back(std::make_unique<Descriptor>(type));
  return *parts_.back();
}

Descriptor& Graph::operation(cudnnBackendDescriptorType_t type) {
  return operations_.emplace_back(type);
}

const Descriptor& Graph::add_tensor(std::int64_t number, DType dtype, const TensorShape& shape,
                                    bool is_virtual, bool is_by_value) {
  Descriptor& d = part(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  d.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, cudnn_type(dtype))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, shape.extents)
      .set(CUDNN_ATTR_TENSOR_STRIDES, shape.strides)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual)
      .set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, is_by_value)
      .finalize();
  return d;
}

const Descriptor& Graph::tensor(Role role, DType dtype, const TensorShape& shape) {
  return add_tensor(static_cast<std::int64_t>(role), dtype, shape, false, false);
}
const Descriptor& Graph::scalar(Role role) {
  return add_tensor(static_cast<std::int64_t>(role), DType::f32, channel_shape(1), false, true);
}
const Descriptor& Graph::between(const TensorShape& shape) {
  return add_tensor(kFirstVirtual + virtual_tensors_++, DType::f32, shape, true, false);
}

Graph forward_graph(const Conv2dProblem& p) {
  Graph graph;
  const TensorShape shape = y_shape(p);
  const DType parameters = parameter_dtype(p.y_dtype);
  std::vector<Step> steps;
  if (p.bias)
    steps.push_back(
        {CUDNN_POINTWISE_ADD, &graph.tensor(Role::bias, parameters, channel_shape(p.c_out))});
  if (p.residual)
    steps.push_back({CUDNN_POINTWISE_ADD, &graph.tensor(Role::residual, p.y_dtype, shape)});
  if (p.relu) steps.push_back({CUDNN_POINTWISE_RELU_FWD, nullptr});

  const Descriptor& y = graph.tensor(Role::y, p.y_dtype, shape);
  const Descriptor& sum = before(steps, graph, y, shape);
  const Descriptor& x = graph.tensor(Role::x, p.x_dtype, x_shape(p));
  const Descriptor& w = graph.tensor(Role::w, p.w_dtype, w_shape(p));
  const Descriptor& conv = convolution(graph, p);
  graph.operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, sum)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, conv)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0)
      .finalize();
  apply(steps, graph, sum, y, shape);
  return graph;
}

Graph backward_data_graph(const Conv2dProblem& p) {
  Graph graph;
  const Descriptor& dy = graph.tensor(Role::dy, p.y_dtype, y_shape(p));
  const Descriptor& w = graph.tensor(Role::w, p.w_dtype, w_shape(p));
  const Descriptor& dx = graph.tensor(Role::dx, p.x_dtype, x_shape(p));
  const Descriptor& conv = convolution(graph, p);
  graph.operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, dy)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, w)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, conv)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, p.accumulate ? 1.0 : 0.0)
      .finalize();
  return graph;
}

Graph backward_weight_graph(const Conv2dProblem& p) {
  Graph graph;
  const Descriptor& x = graph.tensor(Role::x, p.x_dtype, x_shape(p));
  const Descriptor& dy = graph.tensor(Role::dy, p.y_dtype, y_shape(p));
  const Descriptor& dw = graph.tensor(Role::dw, p.w_dtype, w_shape(p));
  const Descriptor& conv = convolution(graph, p);
  graph.operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, dy)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, dw)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, conv)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0.0)
      .finalize();
  return graph;
}

Graph train_graph(const BatchNormProblem& p) {
  Graph graph;
  const auto channels = [&](Role role) -> const Descriptor& {
    return graph.tensor(role, p.stat_dtype, channel_shape(p.channels));
  };
  const cudnnBackendNormMode_t mode = CUDNN_BATCH_NORM;
  const cudnnBackendNormFwdPhase_t phase = CUDNN_NORM_FWD_TRAINING;
  const TensorShape shape = rows_shape(p);
  std::vector<Step> steps;
  if (p.residual)
    steps.push_back({CUDNN_POINTWISE_ADD, &graph.tensor(Role::residual, p.x_dtype, shape)});
  if (p.relu) steps.push_back({CUDNN_POINTWISE_RELU_FWD, nullptr});
  const Descriptor& x = graph.tensor(Role::x, p.x_dtype, shape);
  const Descriptor& y = graph.tensor(Role::y, p.x_dtype, shape);
  const Descriptor& norm = before(steps, graph, y, shape);
  graph.operation(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE, 1, &mode)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE, 1, &phase)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, norm)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, channels(Role::gamma))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, channels(Role::beta))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, channels(Role::mean))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, channels(Role::inv_std))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, graph.scalar(Role::epsilon))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, graph.scalar(Role::momentum))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, channels(Role::running_mean))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, channels(Role::running_var))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, channels(Role::new_running_mean))
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, channels(Role::new_running_var))
      .finalize();
  apply(steps, graph, norm, y, shape);
  return graph;
}

Graph train_backward_graph(const BatchNormProblem& p) {
  Graph graph;
  const auto channels = [&](Role role) -> const Descriptor& {
    return graph.tensor(role, p.stat_dtype, channel_shape(p.channels));
  };
  const auto rows = [&](Role role) -> const Descriptor& {
    return graph.tensor(role, p.x_dtype, rows_shape(p));
  };
  const cudnnBackendNormMode_t mode = CUDNN_BATCH_NORM;
  graph.operation(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_TYPE_NORM_MODE, 1, &mode)
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, rows(Role::x))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, rows(Role::dy))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, channels(Role::mean))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, channels(Role::inv_std))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, channels(Role::gamma))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, channels(Role::dgamma))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, channels(Role::dbeta))
      .set(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, rows(Role::dx))
      .finalize();
  return graph;
}

Graph pool_graph(const PoolWindows& w, DType dtype, const TensorShape& x, const TensorShape& y) {
  Graph graph;
  graph.operation(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, graph.tensor(Role::x, dtype, x))
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, graph.tensor(Role::y, dtype, y))
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, resampling(graph, w))
      .finalize();
  return graph;
}

Graph pool_backward_graph(const PoolWindows& w, DType dtype, const TensorShape& x,
                          const TensorShape& y) {
  Graph graph;
  graph.operation(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, graph.tensor(Role::dy, dtype, y))
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, graph.tensor(Role::dx, dtype, x))
      .set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, resampling(graph, w))
      .finalize();
  return graph;
}

}  // namespace tl::vendor
