// Backend: every kernel of one device, one member per contract. A plain value: copy it, replace one
// kernel, and a fault is found by bisection (`b.conv2d = ref_backend().conv2d`).
//
// What all contracts have in common: buffers are contiguous and aligned to their element only;
// outputs are overwritten; nothing aliases unless the contract says so; kernels allocate nothing
// (scratch is handed in); they are asynchronous on the stream; empty problems return at once;
// mathematics is in the dtype's own precision.
//
// bf16 stores, it does not compute: elements become f32 when they are loaded, mathematics, sums and
// constants are f32 (Arithmetic<T> in dtype.h), and each element is rounded once when it is stored.
// "One float dtype" of a contract means f32, f64 or bf16 for what is as large as the activations:
// x, y, dx, dy and what is shaped like them. What goes beside them (biases, scales, statistics,
// class weights, losses, gradients of parameters) is of parameter_dtype: f32 beside bf16. A
// contract says where it differs. `cpu` moves, fills and casts bf16 and refuses to compute with it.
#pragma once

#include "kernels/adam.h"
#include "kernels/average_pool2d.h"
#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/gather.h"
#include "kernels/gemm.h"
#include "kernels/global_average_pool.h"
#include "kernels/gradient_norm.h"
#include "kernels/log_softmax.h"
#include "kernels/max_pool2d.h"
#include "kernels/memory.h"
#include "kernels/preprocess.h"
#include "kernels/reduce.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "kernels/streams.h"
#include "kernels/strided.h"

namespace tl {

struct Backend {
  const char* name;
  MemoryKernels memory;
  StreamsKernels streams;
  StridedKernels strided;
  GatherKernels gather;
  ElementwiseKernels elementwise;
  ReduceKernels reduce;
  GemmKernels gemm;
  Conv2dKernels conv2d;
  BatchNormKernels batch_norm;
  MaxPool2dKernels max_pool2d;
  AveragePool2dKernels average_pool2d;
  GlobalAveragePoolKernels global_average_pool;
  SoftmaxKernels softmax;
  LogSoftmaxKernels log_softmax;
  CrossEntropyKernels cross_entropy;
  DropoutKernels dropout;
  GradientNormKernels gradient_norm;
  SgdKernels sgd;
  AdamKernels adam;
  PreprocessKernels preprocess;
};

/// Naive loops in f32, f64 and bf16: the specification that every other backend is tested against.
Backend ref_backend();
/// Vectorised, blocked, multi-threaded, f32.
Backend cpu_backend();
/// The CUDA kernels, run on the host. In programs built with TL_SIMT.
Backend simt_backend();
/// The same kernels on a GPU: library tl_cuda, built where there is an nvcc. Whether the machine
/// has a GPU: gpu.h.
Backend cuda_backend();

}  // namespace tl
