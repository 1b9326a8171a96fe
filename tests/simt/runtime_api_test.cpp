// The runtime API subset: device memory and copies.
#include <cmath>
#include <cstdint>

#include "tests/simt/support.h"

namespace tl::simt {

TEST_CASE("simt: device memory is aligned to 256 and starts as NaN") {
  const Buffer<float> buffer(5);
  CHECK(reinterpret_cast<std::uintptr_t>(static_cast<float*>(buffer)) % 256 == 0);
  for (float value : buffer.read()) CHECK(std::isnan(value));
}

TEST_CASE("simt: copies reach exactly the bytes of a block") {
  const Buffer<int> buffer(std::vector<int>{1, 2, 3, 4});
  int* data = buffer;
  int host[5] = {};
  const auto copy = [](void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  };
  CHECK(copy(host, data + 1, 12, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(cudaStreamSynchronize(nullptr) == cudaSuccess);
  CHECK(host[2] == 4);
  CHECK(copy(host, data + 1, 16, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(copy(data, host, 20, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(copy(host, data, 4, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(copy(data, host, 4, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(data, 0, 8, nullptr) == cudaSuccess);
  CHECK(buffer.read() == std::vector<int>{0, 0, 3, 4});
  CHECK(cudaMemsetAsync(data, 0, 17, nullptr) == cudaErrorInvalidValue);
}

TEST_CASE("simt: only a block can be freed") {
  int on_the_host = 0;
  CHECK(cudaFree(&on_the_host) == cudaErrorInvalidValue);
  CHECK(cudaFree(nullptr) == cudaSuccess);
}

}  // namespace tl::simt
