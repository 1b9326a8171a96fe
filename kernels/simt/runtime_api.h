// The part of the CUDA runtime API that host code beside the kernels uses.
//
// Calls that end in Async, and launches, put their work into the queue of a stream (queues.h). The
// null stream is one of them: as CUDA's with streams that are cudaStreamNonBlocking, nothing but
// events orders streams. A call that waits throws the Error of the work that failed, which then has
// been dropped with all the rest.
#pragma once

#include <cstddef>

namespace tl::simt {

using cudaStream_t = struct StreamOfSimt*;
using cudaEvent_t = struct EventOfSimt*;
using cudaGraph_t = struct GraphOfSimt*;
using cudaGraphExec_t = struct GraphExecOfSimt*;

enum cudaError_t {
  cudaSuccess,
  cudaErrorInvalidValue,
  cudaErrorMemoryAllocation,
  cudaErrorInsufficientDriver,
  cudaErrorNoDevice,
  cudaErrorInvalidResourceHandle,
  cudaErrorIllegalState,
  cudaErrorNotReady,
  cudaErrorStreamCaptureUnsupported,
  cudaErrorStreamCaptureInvalidated,
  cudaErrorStreamCaptureWrongThread
};
const char* cudaGetErrorString(cudaError_t error);

// ---- memory -------------------------------------------------------------------------------------

enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };

cudaError_t cudaMalloc(void** data, std::size_t bytes);
/// Waits for all streams.
cudaError_t cudaFree(void* data);
/// Free when the work issued on the stream so far has run. Cannot be captured.
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream);

cudaError_t cudaMallocHost(void** data, std::size_t bytes);
/// Waits for nothing.
cudaError_t cudaFreeHost(void* data);

/// Of the machine.
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);

/// An address that should be the device's must lie in a block of cudaMalloc, with all its bytes.
/// Host memory, pinned or not, is read or written when the queue gets there; only what is pinned
/// can be captured.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* data, int byte, std::size_t bytes, cudaStream_t stream);

// ---- streams and events -------------------------------------------------------------------------

inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

/// Other flags than cudaStreamNonBlocking are refused.
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
/// Waits for its work.
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceSynchronize();

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
/// cudaErrorStreamCaptureUnsupported while the stream captures: branches of a graph are not here.
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
/// Where it answers cudaErrorNotReady it has run some work, so that asking again comes to an end.
cudaError_t cudaEventQuery(cudaEvent_t event);

// ---- captured work ------------------------------------------------------------------------------

enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};

/// While a stream captures, its work goes to a graph and does not run. Calls that cannot be done
/// then make the capture invalid: waiting for the stream, or for all; work on it that cannot be
/// captured; and, as `mode` says, cudaMalloc and cudaFree.
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
/// *graph is null where the capture was invalid.
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags = 0);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
/// Its work follows that of its last launch, on whatever stream that was.
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
/// What it has launched still runs.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

}  // namespace tl::simt
