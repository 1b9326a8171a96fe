// Graph: a few operations of cuDNN and the tensors between them, and the graphs of our problems.
// Making one needs no GPU. Every tensor that has a buffer has one of these numbers.
#pragma once

#include <memory>
#include <vector>

#include "kernels/cuda/vendor/cudnn_descriptor.h"
#include "kernels/cuda/vendor/cudnn_tensors.h"
#include "kernels/cuda/vendor/pool_windows.h"

namespace tl::vendor {

/// What a buffer is to a graph.
enum class Role : std::int64_t {
  x = 1,
  w,
  y,
  bias,
  residual,
  dx,
  dw,
  dy,
  gamma,
  beta,
  mean,
  inv_std,
  running_mean,
  running_var,
  new_running_mean,
  new_running_var,
  epsilon,
  momentum,
  dgamma,
  dbeta,
};

class Graph {
 public:
  /// A tensor in memory.
  const Descriptor& tensor(Role role, DType dtype, const TensorShape& shape);
  /// One f32 that is passed by value.
  const Descriptor& scalar(Role role);
  /// An f32 tensor between two operations, in no memory.
  const Descriptor& between(const TensorShape& shape);

  /// A description that operations refer to (a convolution, a pointwise function).
  Descriptor& part(cudnnBackendDescriptorType_t type);
  /// The next operation; its caller sets and finalizes it.
  Descriptor& operation(cudnnBackendDescriptorType_t type);

  const std::vector<Descriptor>& operations() const { return operations_; }

 private:
  const Descriptor& add_tensor(std::int64_t number, DType dtype, const TensorShape& shape,
                               bool is_virtual, bool is_by_value);

  // Operations refer to these; references to elements stay good while the graph is built.
  std::vector<std::unique_ptr<Descriptor>> parts_;
  std::vector<Descriptor> operations_;
  std::int64_t virtual_tensors_ = 0;
};

/// y = relu?(conv(x, w) + bias? + residual?), rounded once at the end.
Graph forward_graph(const Conv2dProblem& p);
/// dx = conv^T(dy, w), or dx += that.
Graph backward_data_graph(const Conv2dProblem& p);
Graph backward_weight_graph(const Conv2dProblem& p);
/// y = relu?(norm(x) + residual?), rounded once at the end.
Graph train_graph(const BatchNormProblem& p);
/// Without either: cuDNN masks dy by bits that its own forward pass would have to write.
Graph train_backward_graph(const BatchNormProblem& p);
/// y = the pooling of x.
Graph pool_graph(const PoolWindows& w, DType dtype, const TensorShape& x, const TensorShape& y);
/// dx of a mean, from dy.
Graph pool_backward_graph(const PoolWindows& w, DType dtype, const TensorShape& x,
                          const TensorShape& y);

}  // namespace tl::vendor
