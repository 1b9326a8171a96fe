// Helpers of the tests of simt. Kernels of these tests lie in tl::simt, as all kernels do.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/simt/order.h"
#include "kernels/simt/race.h"
#include "kernels/simt/simt.h"

namespace tl::simt {

/// Device memory of `size` elements; NaN or -1 until something is written.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t size) : size_(size) {
    void* data = nullptr;
    REQUIRE(cudaMalloc(&data, size * sizeof(T)) == cudaSuccess);
    data_ = static_cast<T*>(data);
  }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
    REQUIRE(cudaMemcpyAsync(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice,
                            nullptr) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  operator T*() const { return data_; }  // NOLINT: as a kernel takes it
  std::vector<T> read() const {
    std::vector<T> values(size_);
    REQUIRE(cudaMemcpyAsync(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost,
                            nullptr) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// Sets the thread order and gives the old one back.
class UseOrder {
 public:
  explicit UseOrder(ThreadOrder order) : before_(thread_order()) { set_thread_order(order); }
  ~UseOrder() { set_thread_order(before_); }
  UseOrder(const UseOrder&) = delete;
  UseOrder& operator=(const UseOrder&) = delete;

 private:
  ThreadOrder before_;
};

/// While it lives, the race checker of a race build lets everything pass: for kernels that look on
/// purpose at what is not there.
struct WithoutRaceChecks {
  WithoutRaceChecks() { race::use_checks(false); }
  ~WithoutRaceChecks() { race::use_checks(true); }
  WithoutRaceChecks(const WithoutRaceChecks&) = delete;
  WithoutRaceChecks& operator=(const WithoutRaceChecks&) = delete;
};

/// Calls f in each of several thread orders, and waits for what it has issued.
template <class F>
void for_each_order(const F& f) {
  for (const char* text : {"forward", "reverse", "random:1", "random:2"}) {
    INFO("thread order ", text);
    const UseOrder order(parse_order(text));
    f();
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  }
}

/// Half of a block waits for the other half.
inline __global__ void fails() {
  if (threadIdx.x < 32) __syncthreads();
}

/// The text of the Error that f throws, or the work that it has issued; or "no error".
template <class F>
std::string error_of(const F& f) {
  try {
    f();
    cudaDeviceSynchronize();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace tl::simt
