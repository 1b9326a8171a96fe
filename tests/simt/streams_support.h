// Helpers of the tests of queues and captures.
#pragma once

#include "kernels/simt/device_memory.h"
#include "tests/simt/support.h"

namespace tl::simt {

class WorkStream {
 public:
  WorkStream() {
    REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess);
  }
  ~WorkStream() { cudaStreamDestroy(stream_); }
  WorkStream(const WorkStream&) = delete;
  WorkStream& operator=(const WorkStream&) = delete;
  operator cudaStream_t() const { return stream_; }  // NOLINT: as the API takes it

 private:
  cudaStream_t stream_ = nullptr;
};

class WorkEvent {
 public:
  WorkEvent() { REQUIRE(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming) == cudaSuccess); }
  ~WorkEvent() { cudaEventDestroy(event_); }
  WorkEvent(const WorkEvent&) = delete;
  WorkEvent& operator=(const WorkEvent&) = delete;
  operator cudaEvent_t() const { return event_; }  // NOLINT

 private:
  cudaEvent_t event_ = nullptr;
};

/// An int of pinned memory.
class PinnedInt {
 public:
  explicit PinnedInt(int value) {
    void* data = nullptr;
    REQUIRE(cudaMallocHost(&data, sizeof(int)) == cudaSuccess);
    data_ = static_cast<int*>(data);
    *data_ = value;
  }
  ~PinnedInt() { cudaFreeHost(data_); }
  PinnedInt(const PinnedInt&) = delete;
  PinnedInt& operator=(const PinnedInt&) = delete;
  operator int*() const { return data_; }  // NOLINT

 private:
  int* data_ = nullptr;
};

inline __global__ void add(int value, int* y) { *y += value; }

/// What device memory holds now, without any work being run for it.
template <class T>
T look(const T* device) {
  const DeviceMemoryAccess access;
  return *device;
}

}  // namespace tl::simt
