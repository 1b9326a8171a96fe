// gemm "naive": one thread per element of y walks along a row of op(a) and a column of op(b). Each
// element of a is read n times, each of b m times, and only the caches make that bearable.
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <class T>
__global__ void gemm_naive(GemmShape shape, bool trans_a, bool trans_b, GemmBuffers<T> buffers) {
  const std::int64_t m = shape.m, n = shape.n, k = shape.k;
  const T* const a = buffers.a + blockIdx.z * shape.a_size();
  const T* const b = buffers.b + blockIdx.z * shape.b_size();
  T* const y = buffers.y + blockIdx.z * shape.y_size();
  for (std::int64_t index = first_index(); index < shape.y_size(); index += index_step()) {
    const std::int64_t i = index / n, j = index % n;
    float sum = 0;
    for (std::int64_t l = 0; l < k; ++l) {
      const float x = a[trans_a ? l * m + i : i * k + l];
      const float w = b[trans_b ? j * k + l : l * n + j];
      sum += x * w;
    }
    if (buffers.bias) sum += buffers.bias[j];
    y[index] = static_cast<T>(sum);
  }
}

void run(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  with_f32_or_bf16("gemm", p.dtype, [&]<class T>(T) {
    for_each_slice<T>(p, args, [&](unsigned batch, const GemmBuffers<T>& buffers) {
      launch<gemm_naive<T>>(dim3(blocks_for(p.m * p.n), 1, batch), kThreads, 0, native(stream),
                            GemmShape(p), p.trans_a, p.trans_b, buffers);
    });
  });
}

// It waits for memory most of the time; and no more than tests want it for a small y.
double cost(const GemmProblem& p) {
  return 64 * p.multiply_adds() + 1e9 * static_cast<double>(p.batch);
}

}  // namespace

void add_gemm_naive(GemmKernels& kernels) {
  kernels.run.add({.name = "naive", .supports = gemm_supports, .run = run, .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
