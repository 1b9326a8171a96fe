// The runtime API: capture, and what was captured.
#include <utility>

#include "kernels/simt/runtime.h"

namespace tl::simt {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (!stream) return cudaErrorStreamCaptureUnsupported;  // as CUDA's
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  if (!all.find(stream)) return cudaErrorInvalidResourceHandle;
  if (stream->capture) return cudaErrorIllegalState;
  stream->capture = Capture{mode, std::this_thread::get_id()};
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  StreamOfSimt* const s = all.find(stream);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (!s->capture) return cudaErrorIllegalState;
  if (s->capture->mode != cudaStreamCaptureModeRelaxed &&
      s->capture->thread != std::this_thread::get_id()) {
    return cudaErrorStreamCaptureWrongThread;
  }
  const Capture capture = *std::exchange(s->capture, {});
  if (!capture.is_valid) return cudaErrorStreamCaptureInvalidated;
  *graph = all.graphs.add({capture.work});
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  StreamOfSimt* const s = all.find(stream);
  if (!s) return cudaErrorInvalidResourceHandle;
  *status = !s->capture            ? cudaStreamCaptureStatusNone
            : s->capture->is_valid ? cudaStreamCaptureStatusActive
                                   : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  if (!all.graphs.has(graph)) return cudaErrorInvalidValue;
  *exec = all.execs.add({graph->work});
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  return all.graphs.remove(graph) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  Point limit;
  {
    Runtime& all = runtime();
    const std::lock_guard lock(all.mutex);
    if (!all.execs.has(exec)) return cudaErrorInvalidValue;
    StreamOfSimt* const s = all.find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s->capture) return s->capture->refuse();
    if (exec->last.queue) queues().push_wait(*s->queue, exec->last);
    for (const Work& work : exec->work) queues().push(*s->queue, work);
    exec->last = queues().end(s->queue);
    limit = queues().limit(s->queue);
  }
  queues().run_to(limit);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  return all.execs.remove(exec) ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace tl::simt
