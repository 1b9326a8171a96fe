#include "engine/stream.h"

#include <utility>

#include "engine/allocator.h"

namespace tl {
namespace {

// By memory space: ref and cpu have no streams to keep apart.
thread_local Stream current[kMemorySpaces];

Stream& current_of(Device device) { return current[static_cast<int>(memory_space(device))]; }

}  // namespace

Stream current_stream(Device device) { return current_of(device); }

WorkStream::WorkStream(Device device) : device_(device) {
  backend(device).streams.create(&stream_);
  add_stream(device, stream_);
}

WorkStream::~WorkStream() {
  backend(device_).streams.destroy(stream_);
  remove_stream(device_, stream_);
}

StreamScope::StreamScope(Device device, Stream stream)
    : device_(device), previous_(std::exchange(current_of(device), stream)) {}

StreamScope::~StreamScope() { current_of(device_) = previous_; }

WorkEvent::WorkEvent(Device device) : device_(device) {
  backend(device).streams.create_event(&event_);
}

WorkEvent::~WorkEvent() { backend(device_).streams.destroy_event(event_); }

}  // namespace tl
