#include "kernels/cuda/vendor/call.h"

namespace tl::vendor {
namespace {

bool is_aligned(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % static_cast<std::uintptr_t>(kAlignment) == 0;
}

std::size_t bytes_in(ConstView x) { return static_cast<std::size_t>(x.size) * size_of(x.dtype); }

}  // namespace

int current_device() {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "which device");
  return device;
}

AlignedBuffers::~AlignedBuffers() {
  for (void* block : blocks_) static_cast<void>(cudaFreeAsync(block, stream_));
}

void* AlignedBuffers::take(std::size_t bytes) {
  void* block = nullptr;
  check_cuda(cudaMallocAsync(&block, bytes, stream_), "aligned copy of ", bytes, " bytes");
  blocks_.push_back(block);
  return block;
}

void* AlignedBuffers::in(ConstView x) {
  if (is_aligned(x.data)) return const_cast<void*>(x.data);
  void* const block = take(bytes_in(x));
  check_cuda(cudaMemcpyAsync(block, x.data, bytes_in(x), cudaMemcpyDeviceToDevice, stream_),
             "aligned copy");
  return block;
}

void* AlignedBuffers::out(View y, bool is_read) {
  if (is_aligned(y.data)) return y.data;
  void* const block = is_read ? in(y) : take(bytes_in(y));
  outputs_.push_back({block, y.data, bytes_in(y)});
  return block;
}

void AlignedBuffers::finish() {
  for (const Copy& copy : outputs_) {
    check_cuda(
        cudaMemcpyAsync(copy.original, copy.aligned, copy.bytes, cudaMemcpyDeviceToDevice, stream_),
        "copy of a result");
  }
  outputs_.clear();
}

}  // namespace tl::vendor
