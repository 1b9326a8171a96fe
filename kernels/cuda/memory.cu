// memory: the contract of kernels/memory.h on the device.
#include <algorithm>

#include "kernels/convert.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/map.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <class T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

void allocate(std::int64_t bytes, void** data) {
  check(bytes >= 0, "memory.allocate: needs a size of 0 or more, got ", bytes);
  // For 0 bytes CUDA gives a null pointer, which in a View means "absent".
  check_call(cudaMalloc(data, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))),
             "memory.allocate of ", bytes, " bytes");
}

void release(Stream stream, std::int64_t, void* data) {
#ifdef __CUDACC__
  check_call(cudaStreamSynchronize(native(stream)), "memory.release");
  check_call(cudaFree(data), "memory.release");
#else
  // A free in its queue meets whoever uses the block later on this stream, or on another one.
  check_call(cudaFreeAsync(data, native(stream)), "memory.release");
#endif
}

void available(std::int64_t* free, std::int64_t* total) {
  std::size_t free_bytes = 0, total_bytes = 0;
  check_call(cudaMemGetInfo(&free_bytes, &total_bytes), "memory.available");
  *free = static_cast<std::int64_t>(free_bytes);
  *total = static_cast<std::int64_t>(total_bytes);
}

void allocate_pinned(std::int64_t bytes, void** data) {
  check(bytes >= 0, "memory.allocate_pinned: needs a size of 0 or more, got ", bytes);
  check_call(cudaMallocHost(data, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))),
             "memory.allocate_pinned of ", bytes, " bytes");
}

void release_pinned(std::int64_t, void* data) {
  check_call(cudaFreeHost(data), "memory.release_pinned");
}

void copy_bytes(const char* op, Stream stream, ConstView x, View y, cudaMemcpyKind kind) {
  check(x.dtype == y.dtype && x.size == y.size, op, ": needs equal size and dtype, got ", x.size,
        " ", x.dtype, " and ", y.size, " ", y.dtype);
  if (x.size == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(x.size) * size_of(x.dtype);
  check_call(cudaMemcpyAsync(y.data, x.data, bytes, kind, native(stream)), op, " of ", bytes,
             " bytes");
}

void copy(Stream stream, ConstView x, View y) {
  copy_bytes("memory.copy", stream, x, y, cudaMemcpyDeviceToDevice);
}
void copy_from_pinned(Stream stream, ConstView pinned, View device) {
  copy_bytes("memory.copy_from_pinned", stream, pinned, device, cudaMemcpyHostToDevice);
}
void copy_to_pinned(Stream stream, ConstView device, View pinned) {
  copy_bytes("memory.copy_to_pinned", stream, device, pinned, cudaMemcpyDeviceToHost);
}
void copy_from_host(Stream stream, ConstView host, View device) {
  copy_bytes("memory.copy_from_host", stream, host, device, cudaMemcpyHostToDevice);
  check_call(cudaStreamSynchronize(native(stream)), "memory.copy_from_host");
}
void copy_to_host(Stream stream, ConstView device, View host) {
  copy_bytes("memory.copy_to_host", stream, device, host, cudaMemcpyDeviceToHost);
  check_call(cudaStreamSynchronize(native(stream)), "memory.copy_to_host");
}

void fill(Stream stream, double value, View y) {
  with_type(y.dtype, [&]<class T>(T) {
    map(stream, Constant<T>{rounded<T>("memory.fill", value)}, y.size, y.as<T>());
  });
}

}  // namespace

void install_memory(Backend& b) {
  b.memory.allocate = allocate;
  b.memory.release = release;
  b.memory.available = available;
  b.memory.allocate_pinned = allocate_pinned;
  b.memory.release_pinned = release_pinned;
  b.memory.copy = copy;
  b.memory.copy_from_pinned = copy_from_pinned;
  b.memory.copy_to_pinned = copy_to_pinned;
  b.memory.copy_from_host = copy_from_host;
  b.memory.copy_to_host = copy_to_host;
  b.memory.fill = fill;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
