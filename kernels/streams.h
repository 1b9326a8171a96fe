// Contract of streams: queues of work that run beside each other, events that order them, and
// captured work that is issued again as a whole.
//
//   record(a, e); wait(b, e);    what b is given from now on starts when what a was given before
//                                record() has finished
//   begin_capture(s); ...kernels on s...; end_capture(s, &g);    nothing runs: g holds the work
//   replay(s, g);                issues it, with the very addresses and numbers of its capture
//
// On `ref` and `cpu` a call has done its work when it returns: handles are null, waiting is free,
// and the slots of capture are empty. The null stream (Stream{}) is a stream as all others, nothing
// orders it against them but events; only it cannot capture. What goes wrong in a kernel shows at a
// later call that waits, unless sync_launches (sync_launches.h) is set.
//
// While a stream captures, kernels may be issued on it, and copies between device buffers or from
// and to pinned memory. An error is: to wait for the stream, or to copy from or to other host
// memory, or to release memory on it, after which end_capture throws too; and any event on it.
// Memory may be allocated, and other streams go on as always. Memory that captured work uses must
// live, at its address, as long as the graph.
#pragma once

#include "kernels/slot.h"
#include "kernels/stream.h"

namespace tl {

/// A point in the work of a stream.
struct Event {
  void* handle = nullptr;
};

/// Captured work.
struct Graph {
  void* handle = nullptr;
};

struct StreamsKernels {
  Slot<void(Stream* stream)> create{"streams.create"};
  /// Waits for its work first.
  Slot<void(Stream)> destroy{"streams.destroy"};
  /// Returns when all work issued on the stream has finished.
  Slot<void(Stream)> synchronize{"streams.synchronize"};

  Slot<void(Event* event)> create_event{"streams.create_event"};
  Slot<void(Event)> destroy_event{"streams.destroy_event"};
  /// Moves the event to the end of the stream's work.
  Slot<void(Stream, Event)> record{"streams.record"};
  /// Of an event that was never recorded: no wait.
  Slot<void(Stream, Event)> wait{"streams.wait"};
  /// The host waits.
  Slot<void(Event)> synchronize_event{"streams.synchronize_event"};

  Slot<void(Stream)> begin_capture{"streams.begin_capture"};
  /// Throws, and leaves *graph alone, when something was done in between that cannot be captured.
  Slot<void(Stream, Graph* graph)> end_capture{"streams.end_capture"};
  /// Follows the graph's last replay, on whatever stream that was.
  Slot<void(Stream, Graph)> replay{"streams.replay"};
  /// What it has replayed goes on.
  Slot<void(Graph)> destroy_graph{"streams.destroy_graph"};
};

}  // namespace tl
