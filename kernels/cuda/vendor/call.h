// What every call of a vendor's library goes through, and aligned buffers for it.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <vector>

#include "kernels/error.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl::vendor {

inline cudaStream_t native(Stream stream) { return static_cast<cudaStream_t>(stream.handle); }

template <class... What>
void check_cuda(cudaError_t error, const What&... what) {
  if (error != cudaSuccess) throw Error(concat("cuda: ", what..., ": ", cudaGetErrorString(error)));
}

template <class... What>
void check_cublas(cublasStatus_t status, const What&... what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(concat("cublas: ", what..., ": ", cublasLtGetStatusString(status)));
}

/// Number of the GPU that calls of this thread go to.
int current_device();

/// All plans are made for buffers at multiples of this many bytes.
inline constexpr std::int64_t kAlignment = 16;

/// Buffers at multiples of kAlignment for one call: the caller's own, which they are nearly always,
/// else copies. A copy takes memory in the order of the stream: the one allocation in a kernel of
/// ours, for views that begin at an odd element.
class AlignedBuffers {
 public:
  explicit AlignedBuffers(cudaStream_t stream) : stream_(stream) {}
  ~AlignedBuffers();
  AlignedBuffers(const AlignedBuffers&) = delete;
  AlignedBuffers& operator=(const AlignedBuffers&) = delete;

  void* in(ConstView x);
  /// What is written there reaches `y` in finish(). `is_read`: y's elements count before, too.
  void* out(View y, bool is_read = false);
  void finish();

 private:
  struct Copy {
    void* aligned;
    void* original;
    std::size_t bytes;
  };
  void* take(std::size_t bytes);

  cudaStream_t stream_;
  std::vector<void*> blocks_;
  std::vector<Copy> outputs_;
};

}  // namespace tl::vendor
