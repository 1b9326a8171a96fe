// Helpers of the tests of streams: their objects as values that end with their scope.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/device_buffer.h"

namespace tl::test {

using Values = std::vector<double>;
constexpr std::int64_t kSize = 64;

/// Declared behind the buffers that its work uses: its end waits for the work.
class WorkStream {
 public:
  explicit WorkStream(const Backend& b) : backend_(b) { b.streams.create(&stream_); }
  ~WorkStream() { backend_.streams.destroy(stream_); }
  WorkStream(const WorkStream&) = delete;
  WorkStream& operator=(const WorkStream&) = delete;
  operator Stream() const { return stream_; }  // NOLINT: tests read better

 private:
  const Backend& backend_;
  Stream stream_;
};

class WorkEvent {
 public:
  explicit WorkEvent(const Backend& b) : backend_(b) { b.streams.create_event(&event_); }
  ~WorkEvent() { backend_.streams.destroy_event(event_); }
  WorkEvent(const WorkEvent&) = delete;
  WorkEvent& operator=(const WorkEvent&) = delete;
  operator Event() const { return event_; }  // NOLINT

 private:
  const Backend& backend_;
  Event event_;
};

/// kSize floats of pinned memory.
class Pinned {
 public:
  explicit Pinned(const Backend& b, float value = -1) : backend_(b) {
    void* data = nullptr;
    b.memory.allocate_pinned(kBytes, &data);
    data_ = static_cast<float*>(data);
    set(value);
  }
  ~Pinned() { backend_.memory.release_pinned(kBytes, data_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  void set(float value) { std::fill_n(data_, kSize, value); }
  operator View() const { return view_of(data_, kSize); }  // NOLINT
  Values read() const { return {data_, data_ + kSize}; }

 private:
  static constexpr std::int64_t kBytes = kSize * sizeof(float);
  const Backend& backend_;
  float* data_ = nullptr;
};

inline Values all(double value) { return Values(kSize, value); }

}  // namespace tl::test
