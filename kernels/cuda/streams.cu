// streams: the contract of kernels/streams.h.
//
// Streams do not wait for the null stream, nor it for them (cudaStreamNonBlocking). A capture is
// cudaStreamCaptureModeRelaxed: memory may be allocated while it goes on, by its own thread and by
// others, e.g. one that loads the next batch. In the other modes cudaMalloc would be refused, and
// would make the capture invalid, because a replay does not allocate again; it need not here, for
// blocks that captured work uses live as long as the graph.
#include "kernels/cuda/check.h"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

using TL_DEVICE_NAMESPACE::native;

cudaEvent_t native(Event event) { return static_cast<cudaEvent_t>(event.handle); }
cudaGraphExec_t native(Graph graph) { return static_cast<cudaGraphExec_t>(graph.handle); }

void create(Stream* stream) {
  cudaStream_t made = nullptr;
  check_call(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "streams.create");
  stream->handle = made;
}

void synchronize(Stream stream) {
  check_call(cudaStreamSynchronize(native(stream)), "streams.synchronize");
}

void destroy(Stream stream) {
  check_call(cudaStreamSynchronize(native(stream)), "streams.destroy");
  check_call(cudaStreamDestroy(native(stream)), "streams.destroy");
}

void create_event(Event* event) {
  cudaEvent_t made = nullptr;
  check_call(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "streams.create_event");
  event->handle = made;
}

void destroy_event(Event event) {
  check_call(cudaEventDestroy(native(event)), "streams.destroy_event");
}

/// CUDA would take the event into the graph, and a stream that waits for it as well.
void check_not_capturing(Stream stream, const char* op) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_call(cudaStreamIsCapturing(native(stream), &status), op);
  check(status == cudaStreamCaptureStatusNone, op, ": not while the stream captures");
}

void record(Stream stream, Event event) {
  check_not_capturing(stream, "streams.record");
  check_call(cudaEventRecord(native(event), native(stream)), "streams.record");
}

void wait(Stream stream, Event event) {
  check_not_capturing(stream, "streams.wait");
  check_call(cudaStreamWaitEvent(native(stream), native(event), 0), "streams.wait");
}

void synchronize_event(Event event) {
  check_call(cudaEventSynchronize(native(event)), "streams.synchronize_event");
}

void begin_capture(Stream stream) {
  check_call(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeRelaxed),
             "streams.begin_capture");
}

void end_capture(Stream stream, Graph* graph) {
  cudaGraph_t captured = nullptr;
  check_call(cudaStreamEndCapture(native(stream), &captured), "streams.end_capture");
  cudaGraphExec_t made = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&made, captured, 0);
  check_call(cudaGraphDestroy(captured), "streams.end_capture");
  check_call(error, "streams.end_capture");
  graph->handle = made;
}

void replay(Stream stream, Graph graph) {
  check_call(cudaGraphLaunch(native(graph), native(stream)), "streams.replay");
}

void destroy_graph(Graph graph) {
  check_call(cudaGraphExecDestroy(native(graph)), "streams.destroy_graph");
}

}  // namespace

void install_streams(Backend& b) {
  b.streams.create = create;
  b.streams.destroy = destroy;
  b.streams.synchronize = synchronize;
  b.streams.create_event = create_event;
  b.streams.destroy_event = destroy_event;
  b.streams.record = record;
  b.streams.wait = wait;
  b.streams.synchronize_event = synchronize_event;
  b.streams.begin_capture = begin_capture;
  b.streams.end_capture = end_capture;
  b.streams.replay = replay;
  b.streams.destroy_graph = destroy_graph;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
