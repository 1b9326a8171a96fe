#include <algorithm>

#include "kernels/cuda/vendor/bias.h"
#include "kernels/error.h"

namespace tl::vendor {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void add_bias_to_rows(const float* product, const float* bias, std::int64_t columns,
                                 std::int64_t size, T* y) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    float sum = product ? product[i] : 0.0f;
    if (bias) sum += bias[i % columns];
    y[i] = T(sum);
  }
}

}  // namespace

void add_bias(cudaStream_t stream, const float* product, const float* bias, std::int64_t columns,
              View y) {
  const std::int64_t blocks = std::min<std::int64_t>((y.size + kThreads - 1) / kThreads, 1 << 15);
  const auto run = [&]<class T>(T) {
    add_bias_to_rows<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(product, bias, columns,
                                                                             y.size, y.as<T>());
  };
  y.dtype == DType::bf16 ? run(BFloat16{}) : run(float{});
  const cudaError_t error = cudaGetLastError();
  check(error == cudaSuccess, "cuda: add_bias: ", cudaGetErrorString(error));
}

}  // namespace tl::vendor
