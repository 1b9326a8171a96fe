// gemm "shared_tiles": a block computes 16 x 16 elements of y, one per thread. Step by step along
// the depth it loads a 16 x 16 tile of op(a) and one of op(b) into shared memory, from where every
// element is used 16 times: a sixteenth of the reads of "naive" go to global memory, and they are
// in order whichever way a matrix is stored.
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kTile = 16;

/// Element [fast] of row [slow] of a matrix with `length` elements per row and `rows` rows; 0
/// outside.
template <class T>
__device__ float element(const T* matrix, int slow, int fast, int rows, int length) {
  if (slow >= rows || fast >= length) return 0;
  return matrix[static_cast<std::int64_t>(slow) * length + fast];
}

template <class T>
__global__ void __launch_bounds__(kTile* kTile)
    gemm_shared_tiles(GemmShape shape, bool trans_a, bool trans_b, GemmBuffers<T> buffers) {
  // [row or column of y][depth]. The padding puts what a half warp reads at once into 16 banks.
  __shared__ float a_tile[kTile][kTile + 1];
  __shared__ float b_tile[kTile][kTile + 1];
  const T* const a = buffers.a + blockIdx.z * shape.a_size();
  const T* const b = buffers.b + blockIdx.z * shape.b_size();
  T* const y = buffers.y + blockIdx.z * shape.y_size();

  const int across = (shape.n + kTile - 1) / kTile;
  const int first_row = static_cast<int>(blockIdx.x) / across * kTile;
  const int first_column = static_cast<int>(blockIdx.x) % across * kTile;
  const int slow = threadIdx.x / kTile, fast = threadIdx.x % kTile;

  float sum = 0;
  for (int step = 0; step < shape.k; step += kTile) {
    if (trans_a) {
      a_tile[fast][slow] = element(a, step + slow, first_row + fast, shape.k, shape.m);
    } else {
      a_tile[slow][fast] = element(a, first_row + slow, step + fast, shape.m, shape.k);
    }
    if (trans_b) {
      b_tile[slow][fast] = element(b, first_column + slow, step + fast, shape.n, shape.k);
    } else {
      b_tile[fast][slow] = element(b, step + slow, first_column + fast, shape.k, shape.n);
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kTile; ++d) sum += a_tile[slow][d] * b_tile[fast][d];
    __syncthreads();  // the tiles are free for the next step
  }

  const int i = first_row + slow, j = first_column + fast;
  if (i < shape.m && j < shape.n) {
    if (buffers.bias) sum += buffers.bias[j];
    y[static_cast<std::int64_t>(i) * shape.n + j] = static_cast<T>(sum);
  }
}

std::int64_t tiles(const GemmProblem& p) { return ceil_div(p.m, kTile) * ceil_div(p.n, kTile); }

bool supports(const GemmProblem& p) {
  return gemm_supports(p) && tiles(p) <= std::numeric_limits<int>::max();
}

void run(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  with_f32_or_bf16("gemm", p.dtype, [&]<class T>(T) {
    for_each_slice<T>(p, args, [&](unsigned batch, const GemmBuffers<T>& buffers) {
      launch<gemm_shared_tiles<T>>(dim3(static_cast<unsigned>(tiles(p)), 1, batch), kTile * kTile,
                                   0, native(stream), GemmShape(p), p.trans_a, p.trans_b, buffers);
    });
  });
}

// Two reads of shared memory per multiply-add.
double cost(const GemmProblem& p) {
  return 16 * p.multiply_adds() + 1e9 * static_cast<double>(p.batch);
}

}  // namespace

void add_gemm_shared_tiles(GemmKernels& kernels) {
  kernels.run.add({.name = "shared_tiles", .supports = supports, .run = run, .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
