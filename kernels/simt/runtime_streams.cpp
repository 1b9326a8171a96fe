// The runtime API: streams and events.
#include "kernels/simt/runtime.h"

namespace tl::simt {
namespace {

/// Where the stream ends now; an error while it captures.
cudaError_t end_of(cudaStream_t stream, Point* end) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  StreamOfSimt* const s = all.find(stream);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) return s->capture->refuse();
  *end = queues().end(s->queue);
  return cudaSuccess;
}

/// Where the event was last recorded.
cudaError_t point_of(cudaEvent_t event, Point* point) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  if (!all.events.has(event)) return cudaErrorInvalidResourceHandle;
  *point = event->point;
  return cudaSuccess;
}

}  // namespace

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (flags != cudaStreamNonBlocking) return cudaErrorInvalidValue;
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  *stream = all.streams.add({});
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (!stream) return cudaErrorInvalidResourceHandle;
  const cudaError_t error = cudaStreamSynchronize(stream);
  if (error == cudaErrorInvalidResourceHandle) return error;
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  queues().remove(stream->queue);
  all.streams.remove(stream);
  return error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Point end;
  const cudaError_t error = end_of(stream, &end);
  if (error == cudaSuccess) queues().run_to(end);
  return error;
}

cudaError_t cudaDeviceSynchronize() {
  const cudaError_t error = check_waits_for_all();
  if (error == cudaSuccess) queues().run_all();
  return error;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  *event = all.events.add({});
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  return all.events.remove(event) ? cudaSuccess : cudaErrorInvalidResourceHandle;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Point end;
  if (const cudaError_t error = end_of(stream, &end); error != cudaSuccess) return error;
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  if (!all.events.has(event)) return cudaErrorInvalidResourceHandle;
  event->point = end;
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  StreamOfSimt* const s = all.find(stream);
  if (!s || !all.events.has(event)) return cudaErrorInvalidResourceHandle;
  if (s->capture) return s->capture->refuse();
  if (event->point.queue) queues().push_wait(*s->queue, event->point);
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Point point;
  const cudaError_t error = point_of(event, &point);
  if (error == cudaSuccess) queues().run_to(point);
  return error;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  Point point;
  if (const cudaError_t error = point_of(event, &point); error != cudaSuccess) return error;
  if (queues().has_passed(point)) return cudaSuccess;
  queues().run_one(point);
  return cudaErrorNotReady;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "insufficient driver";
    case cudaErrorNoDevice:
      return "no device";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorIllegalState:
      return "the operation cannot be performed in the present state";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureWrongThread:
      return "attempt to terminate a thread-local capture sequence from another thread";
  }
  return "unknown error";
}

}  // namespace tl::simt
