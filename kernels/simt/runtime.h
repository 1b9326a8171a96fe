// What the runtime API (runtime_api.h) keeps: its streams, events and graphs, and the one way by
// which work is issued. runtime_memory.cpp, runtime_streams.cpp, runtime_graphs.cpp are the calls.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kernels/simt/queues.h"
#include "kernels/simt/runtime_api.h"

namespace tl::simt {

struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;  // that has begun it
  std::vector<Work> work = {};
  bool is_valid = true;

  /// Makes it invalid; what the call that does so returns.
  cudaError_t refuse();
};

struct StreamOfSimt {
  std::shared_ptr<Queue> queue = queues().add();
  std::optional<Capture> capture = {};
};

struct EventOfSimt {
  Point point = {};
};

struct GraphOfSimt {
  std::vector<Work> work;
};

struct GraphExecOfSimt {
  std::vector<Work> work;
  Point last = {};  // where its last launch ends
};

/// The objects that handles stand for. Handles of others are known as such.
template <class T>
class Objects {
 public:
  T* add(T object) { return all_.emplace_back(std::make_unique<T>(std::move(object))).get(); }
  bool has(const T* handle) const { return find(handle) != all_.end(); }
  bool remove(const T* handle) {
    const auto found = find(handle);
    if (found == all_.end()) return false;
    all_.erase(found);
    return true;
  }

  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  auto find(const T* handle) const {
    return std::find_if(all_.begin(), all_.end(), [&](const auto& o) { return o.get() == handle; });
  }

  std::vector<std::unique_ptr<T>> all_;
};

struct Runtime {
  std::mutex mutex;
  Objects<StreamOfSimt> streams;
  Objects<EventOfSimt> events;
  Objects<GraphOfSimt> graphs;
  Objects<GraphExecOfSimt> execs;
  StreamOfSimt* const null_stream = streams.add({});

  /// nullptr where there is none.
  StreamOfSimt* find(cudaStream_t stream) const {
    if (!stream) return null_stream;
    return streams.has(stream) ? stream : nullptr;
  }
};

/// Never destroyed, as the queues.
Runtime& runtime();

/// Puts the work at the end of the stream, or of what it captures. Throws what comes to light where
/// the queue is full and its first work must run; never for a free.
cudaError_t issue(cudaStream_t stream, Work work, bool can_be_captured = true);

/// For calls that CUDA calls potentially unsafe: what they return, having made captures invalid,
/// where the mode of a capture forbids them to the calling thread.
cudaError_t check_unsafe_call();

/// The same for waiting for everything, which no capture allows.
cudaError_t check_waits_for_all();

}  // namespace tl::simt
