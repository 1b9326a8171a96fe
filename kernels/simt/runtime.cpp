#include "kernels/simt/runtime.h"

#include <utility>

namespace tl::simt {

cudaError_t Capture::refuse() {
  return std::exchange(is_valid, false) ? cudaErrorStreamCaptureUnsupported
                                        : cudaErrorStreamCaptureInvalidated;
}

Runtime& runtime() {
  static Runtime& instance = *new Runtime;
  return instance;
}

cudaError_t issue(cudaStream_t stream, Work work, bool can_be_captured) {
  Point limit;
  {
    Runtime& all = runtime();
    const std::lock_guard lock(all.mutex);
    StreamOfSimt* const s = all.find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s->capture) {
      if (!can_be_captured || !s->capture->is_valid) return s->capture->refuse();
      s->capture->work.push_back(std::move(work));
      return cudaSuccess;
    }
    // A free is called where nothing may be thrown, in destructors, and takes no room to speak of.
    const bool is_limited = !work.is_kept;
    queues().push(*s->queue, std::move(work));
    if (is_limited) limit = queues().limit(s->queue);
  }
  queues().run_to(limit);
  return cudaSuccess;
}

namespace {

/// Refuses where forbids(capture) for some stream.
template <class F>
cudaError_t refuse_where(const F& forbids) {
  Runtime& all = runtime();
  const std::lock_guard lock(all.mutex);
  cudaError_t error = cudaSuccess;
  for (const auto& stream : all.streams) {
    if (stream->capture && forbids(*stream->capture)) error = stream->capture->refuse();
  }
  return error;
}

}  // namespace

cudaError_t check_unsafe_call() {
  return refuse_where([](const Capture& c) {
    return c.mode == cudaStreamCaptureModeGlobal ||
           (c.mode == cudaStreamCaptureModeThreadLocal && c.thread == std::this_thread::get_id());
  });
}

cudaError_t check_waits_for_all() {
  return refuse_where([](const Capture&) { return true; });
}

}  // namespace tl::simt
