// Streams: which queue of its device a thread's tensors compute on, and streams and events that
// give themselves back. On `ref` and `cpu` a call has done its work when it returns, and all of
// this costs nothing.
#pragma once

#include "engine/device.h"
#include "kernels/streams.h"

namespace tl {

/// Where this thread's tensors of `device` are computed: the innermost StreamScope's stream, else
/// the null stream.
Stream current_stream(Device device);

/// A stream of its own while it lives; its work is finished when it goes.
class WorkStream {
 public:
  explicit WorkStream(Device device);
  ~WorkStream();
  WorkStream(const WorkStream&) = delete;
  WorkStream& operator=(const WorkStream&) = delete;

  Device device() const { return device_; }
  Stream get() const { return stream_; }

 private:
  Device device_;
  Stream stream_;
};

/// While it lives, this thread's tensors of the device compute on `stream`, and new ones take their
/// memory there. A tensor made on one stream may be used on another only when an event orders the
/// two, and must live until that use has finished.
class StreamScope {
 public:
  StreamScope(Device device, Stream stream);
  explicit StreamScope(const WorkStream& stream) : StreamScope(stream.device(), stream.get()) {}
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  Device device_;
  Stream previous_;
};

/// A point in the work of a stream.
class WorkEvent {
 public:
  explicit WorkEvent(Device device);
  ~WorkEvent();
  WorkEvent(const WorkEvent&) = delete;
  WorkEvent& operator=(const WorkEvent&) = delete;

  /// Moves it to the end of what the stream has been given.
  void record(Stream stream) { backend(device_).streams.record(stream, event_); }
  /// What `stream` is given from now on starts after the point.
  void order_before(Stream stream) { backend(device_).streams.wait(stream, event_); }
  /// The host waits until the point has passed.
  void synchronize() { backend(device_).streams.synchronize_event(event_); }

 private:
  Device device_;
  Event event_;
};

}  // namespace tl
