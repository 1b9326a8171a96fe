// streams: the contract of kernels/streams.h where a call has done its work when it returns.
// Nothing can be captured.
#include "kernels/ref/install.h"

namespace tl::ref {

void install_streams(Backend& b) {
  b.streams.create = [](Stream* stream) { *stream = {}; };
  b.streams.destroy = [](Stream) {};
  b.streams.synchronize = [](Stream) {};
  b.streams.create_event = [](Event* event) { *event = {}; };
  b.streams.destroy_event = [](Event) {};
  b.streams.record = [](Stream, Event) {};
  b.streams.wait = [](Stream, Event) {};
  b.streams.synchronize_event = [](Event) {};
}

}  // namespace tl::ref
