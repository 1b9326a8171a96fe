// What the bugs with streams and captured work are made of. Errors of the runtime API are thrown.
#pragma once

#include "kernels/cuda/check.h"
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {

inline constexpr int kElements = 64;
inline constexpr std::size_t kBytes = kElements * sizeof(float);

inline __global__ void set(float value, float* y) { y[threadIdx.x] = value; }
inline __global__ void copy(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }

class BugStream {
 public:
  BugStream() { check_call(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "create"); }
  ~BugStream() { cudaStreamDestroy(stream_); }
  BugStream(const BugStream&) = delete;
  BugStream& operator=(const BugStream&) = delete;

  void set(float value, const Array<float>& y) const {
    launch<bugs::set>(1, kElements, 0, stream_, value, y.write());
  }
  void copy(const Array<float>& x, const Array<float>& y) const { copy(x.read(), y.write()); }
  void copy(const float* x, float* y) const { launch<bugs::copy>(1, kElements, 0, stream_, x, y); }
  void upload(const float* host, const Array<float>& y) const {
    check_call(cudaMemcpyAsync(y.write(), host, kBytes, cudaMemcpyHostToDevice, stream_), "upload");
  }
  void download(const Array<float>& x, float* host) const {
    check_call(cudaMemcpyAsync(host, x.read(), kBytes, cudaMemcpyDeviceToHost, stream_),
               "download");
  }
  void record(cudaEvent_t event) const { check_call(cudaEventRecord(event, stream_), "record"); }
  void wait(cudaEvent_t event) const { check_call(cudaStreamWaitEvent(stream_, event), "wait"); }
  void synchronize() const { check_call(cudaStreamSynchronize(stream_), "synchronize"); }
  operator cudaStream_t() const { return stream_; }  // NOLINT: as the API takes it

 private:
  cudaStream_t stream_ = nullptr;
};

class BugEvent {
 public:
  BugEvent() { check_call(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "event"); }
  ~BugEvent() { cudaEventDestroy(event_); }
  BugEvent(const BugEvent&) = delete;
  BugEvent& operator=(const BugEvent&) = delete;
  operator cudaEvent_t() const { return event_; }  // NOLINT

 private:
  cudaEvent_t event_ = nullptr;
};

/// kElements floats of pinned memory, all of one value.
class Pinned {
 public:
  explicit Pinned(float value) {
    void* data = nullptr;
    check_call(cudaMallocHost(&data, kBytes), "pinned");
    data_ = static_cast<float*>(data);
    set(value);
  }
  ~Pinned() { cudaFreeHost(data_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  void set(float value) {
    for (int i = 0; i < kElements; ++i) data_[i] = value;
  }
  bool is(float value) const {
    return equals({data_, data_ + kElements}, [&](int) { return value; });
  }
  operator float*() const { return data_; }  // NOLINT

 private:
  float* data_ = nullptr;
};

/// What f() issues on the stream, captured.
class Captured {
 public:
  template <class F>
  Captured(cudaStream_t stream, const F& f,
           cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
    check_call(cudaStreamBeginCapture(stream, mode), "begin");
    f();
    cudaGraph_t graph = nullptr;
    check_call(cudaStreamEndCapture(stream, &graph), "end");
    check_call(cudaGraphInstantiate(&exec_, graph, 0), "instantiate");
    check_call(cudaGraphDestroy(graph), "destroy");
  }
  ~Captured() { destroy(); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  void replay(cudaStream_t stream) const { check_call(cudaGraphLaunch(exec_, stream), "replay"); }
  void destroy() const { cudaGraphExecDestroy(exec_); }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

inline bool all_are(float value, const Array<float>& x) {
  return equals(x.values(), [&](int) { return value; });
}

}  // namespace tl::simt::bugs
