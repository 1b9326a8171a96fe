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

void release(Stream, std::int64_t, void* data) { check_call(cudaFree(data), "memory.release"); }

void copy_bytes(const char* op, Stream stream, ConstView x, View y, cudaMemcpyKind kind) {
  check(x.dtype == y.dtype && x.size == y.size, op, ": needs equal size and dtype, got ", x.size,
        " ", x.dtype, " and ", y.size, " ", y.dtype);
  if (x.size == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(x.size) * size_of(x.dtype);
  check_call(cudaMemcpyAsync(y.data, x.data, bytes, kind, native(stream)), op, " of ", bytes,
             " bytes");
  if (kind != cudaMemcpyDeviceToDevice) check_call(cudaStreamSynchronize(native(stream)), op);
}

void copy(Stream stream, ConstView x, View y) {
  copy_bytes("memory.copy", stream, x, y, cudaMemcpyDeviceToDevice);
}
void copy_from_host(Stream stream, ConstView host, View device) {
  copy_bytes("memory.copy_from_host", stream, host, device, cudaMemcpyHostToDevice);
}
void copy_to_host(Stream stream, ConstView device, View host) {
  copy_bytes("memory.copy_to_host", stream, device, host, cudaMemcpyDeviceToHost);
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
  b.memory.copy = copy;
  b.memory.copy_from_host = copy_from_host;
  b.memory.copy_to_host = copy_to_host;
  b.memory.fill = fill;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
