// Captured work: what goes into a graph, what its replays do, and what makes a capture invalid.
#include <thread>
#include <vector>

#include "tests/simt/streams_support.h"

namespace tl::simt {
namespace {

constexpr auto kGlobal = cudaStreamCaptureModeGlobal,
               kThreadLocal = cudaStreamCaptureModeThreadLocal,
               kRelaxed = cudaStreamCaptureModeRelaxed;

cudaStreamCaptureStatus status_of(cudaStream_t stream) {
  cudaStreamCaptureStatus status{};
  CHECK(cudaStreamIsCapturing(stream, &status) == cudaSuccess);
  return status;
}

/// What f() returns while a stream captures, and what the end of the capture does then.
struct Outcome {
  cudaError_t call, end;
  bool operator==(const Outcome&) const = default;
};

const Outcome kGood = {cudaSuccess, cudaSuccess},
              kRefused = {cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated};

template <class F>
Outcome while_capturing(cudaStreamCaptureMode mode, const F& f) {
  const WorkStream s;
  CHECK(cudaStreamBeginCapture(s, mode) == cudaSuccess);
  CHECK(status_of(s) == cudaStreamCaptureStatusActive);
  Outcome outcome{};
  outcome.call = f(s);
  cudaGraph_t graph = nullptr;
  outcome.end = cudaStreamEndCapture(s, &graph);
  CHECK((graph != nullptr) == (outcome.end == cudaSuccess));
  if (graph) CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(status_of(s) == cudaStreamCaptureStatusNone);
  return outcome;
}

}  // namespace

TEST_CASE("simt: captured work runs at each launch of its graph, with the arguments it had") {
  for_each_order([] {
    const Buffer<int> y(std::vector<int>{0});
    const PinnedInt in(10), out(0);
    const WorkStream s, other;
    int step = 1;
    CHECK(cudaStreamBeginCapture(s, kRelaxed) == cudaSuccess);
    CHECK(cudaMemcpyAsync(y, in, sizeof(int), cudaMemcpyHostToDevice, s) == cudaSuccess);
    launch<add>(1, 1, 0, s, step, static_cast<int*>(y));
    CHECK(cudaMemcpyAsync(out, y, sizeof(int), cudaMemcpyDeviceToHost, s) == cudaSuccess);
    step = 100;
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(s, &graph) == cudaSuccess);
    cudaGraphExec_t exec = nullptr;
    CHECK(cudaGraphInstantiate(&exec, graph) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
    CHECK(cudaStreamSynchronize(s) == cudaSuccess);
    CHECK(*out == 0);
    CHECK(cudaGraphLaunch(exec, s) == cudaSuccess);
    CHECK(cudaStreamSynchronize(s) == cudaSuccess);
    CHECK(*out == 11);
    *in = 20;
    CHECK(cudaGraphLaunch(exec, other) == cudaSuccess);
    CHECK(cudaGraphExecDestroy(exec) == cudaSuccess);  // what was launched goes on
    CHECK(cudaStreamSynchronize(other) == cudaSuccess);
    CHECK(*out == 21);
    CHECK(cudaGraphLaunch(exec, s) == cudaErrorInvalidValue);
    CHECK(cudaGraphInstantiate(&exec, graph) == cudaErrorInvalidValue);
  });
}

TEST_CASE("simt: launches of one graph follow each other") {
  for_each_order([] {
    const Buffer<int> y(std::vector<int>{0});
    const WorkStream a, b;
    CHECK(cudaStreamBeginCapture(a, kRelaxed) == cudaSuccess);
    for (int i = 0; i < 3; ++i) launch<add>(1, 1, 0, a, 1, static_cast<int*>(y));
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    CHECK(cudaStreamEndCapture(a, &graph) == cudaSuccess);
    CHECK(cudaGraphInstantiate(&exec, graph) == cudaSuccess);
    CHECK(cudaGraphLaunch(exec, a) == cudaSuccess);
    CHECK(cudaGraphLaunch(exec, b) == cudaSuccess);
    CHECK(cudaStreamSynchronize(b) == cudaSuccess);
    CHECK(look<int>(y) == 6);
    CHECK(cudaGraphExecDestroy(exec) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  });
}

TEST_CASE("simt: what cannot be captured") {
  const Buffer<int> y(std::vector<int>{0});
  const WorkEvent event;
  int host = 0;
  const PinnedInt pinned(0);
  void* block = nullptr;
  CHECK(cudaMalloc(&block, 4) == cudaSuccess);
  const auto outcome = [](const auto& f) { return while_capturing(kRelaxed, f); };
  CHECK(outcome([](cudaStream_t s) { return cudaStreamSynchronize(s); }) == kRefused);
  CHECK(outcome([](cudaStream_t) { return cudaDeviceSynchronize(); }) == kRefused);
  CHECK(outcome([&](cudaStream_t s) { return cudaEventRecord(event, s); }) == kRefused);
  CHECK(outcome([&](cudaStream_t s) { return cudaStreamWaitEvent(s, event); }) == kRefused);
  CHECK(outcome([&](cudaStream_t s) { return cudaFreeAsync(block, s); }) == kRefused);
  CHECK(outcome([&](cudaStream_t s) {
          return cudaMemcpyAsync(y, &host, 4, cudaMemcpyHostToDevice, s);
        }) == kRefused);
  CHECK(outcome([&](cudaStream_t s) {
          return cudaMemcpyAsync(&host, y, 4, cudaMemcpyDeviceToHost, s);
        }) == kRefused);
  CHECK(outcome([&](cudaStream_t s) {
          return cudaMemcpyAsync(pinned, y, 4, cudaMemcpyDeviceToHost, s);
        }) == kGood);
  CHECK(outcome([&](cudaStream_t s) { return cudaMemsetAsync(y, 1, 4, s); }) == kGood);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(look<int>(y) == 0);
  CHECK(cudaFree(block) == cudaSuccess);
}

TEST_CASE("simt: an invalid capture takes nothing more") {
  const Buffer<int> y(std::vector<int>{0});
  const Outcome late = while_capturing(kRelaxed, [&](cudaStream_t s) {
    CHECK(cudaStreamSynchronize(s) == cudaErrorStreamCaptureUnsupported);
    CHECK(status_of(s) == cudaStreamCaptureStatusInvalidated);
    CHECK(contains(error_of([&] { launch<add>(1, 1, 0, s, 1, static_cast<int*>(y)); }),
                   "add: operation failed due to a previous error during capture"));
    return cudaMemsetAsync(y, 1, 4, s);
  });
  CHECK(late == Outcome{cudaErrorStreamCaptureInvalidated, cudaErrorStreamCaptureInvalidated});
}

TEST_CASE("simt: the mode of a capture says who may allocate") {
  const auto allocate = [](cudaStream_t) {
    void* block = nullptr;
    const cudaError_t error = cudaMalloc(&block, 4);
    return error == cudaSuccess ? cudaFree(block) : error;
  };
  const auto allocate_pinned = [](cudaStream_t) {
    void* block = nullptr;
    const cudaError_t error = cudaMallocHost(&block, 4);
    return error == cudaSuccess ? cudaFreeHost(block) : error;
  };
  const auto in_other_thread = [&](cudaStream_t s) {
    cudaError_t error{};
    std::thread([&] { error = allocate(s); }).join();
    return error;
  };
  CHECK(while_capturing(kGlobal, allocate) == kRefused);
  CHECK(while_capturing(kGlobal, allocate_pinned) == kRefused);
  CHECK(while_capturing(kGlobal, in_other_thread) == kRefused);
  CHECK(while_capturing(kThreadLocal, allocate) == kRefused);
  CHECK(while_capturing(kThreadLocal, in_other_thread) == kGood);
  CHECK(while_capturing(kRelaxed, allocate) == kGood);
  CHECK(while_capturing(kRelaxed, allocate_pinned) == kGood);
}

TEST_CASE("simt: captures begin and end in pairs, in the thread that the mode asks for") {
  const WorkStream s;
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamBeginCapture(nullptr, kRelaxed) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaStreamEndCapture(s, &graph) == cudaErrorIllegalState);
  for (const auto mode : {kThreadLocal, kRelaxed}) {
    CHECK(cudaStreamBeginCapture(s, mode) == cudaSuccess);
    CHECK(cudaStreamBeginCapture(s, mode) == cudaErrorIllegalState);
    cudaError_t elsewhere{};
    std::thread([&] { elsewhere = cudaStreamEndCapture(s, &graph); }).join();
    CHECK(elsewhere == (mode == kRelaxed ? cudaSuccess : cudaErrorStreamCaptureWrongThread));
    if (mode != kRelaxed) CHECK(cudaStreamEndCapture(s, &graph) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  }
}

}  // namespace tl::simt
