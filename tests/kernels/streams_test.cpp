// streams: what the order of a stream and events promise, on every backend. captures_test.cpp goes
// on with captured work.
#include <string>
#include <thread>

#include "tests/kernels/streams_harness.h"

namespace tl::test {
namespace {

TEST_CASE("streams: what is given to a stream is done in order") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, kSize), y(b, DType::f32, kSize);
    const WorkStream s(b);
    b.memory.fill(s, 1, x);
    b.memory.copy(s, x, y);
    b.memory.fill(s, 2, x);
    b.streams.synchronize(s);
    CHECK(x.read() == all(2));
    CHECK(y.read() == all(1));
  }
}

TEST_CASE("streams: an event orders two streams, both ways") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, all(0)), y(b, DType::f32, kSize);
    const WorkStream producer(b), consumer(b);
    const WorkEvent produced(b), consumed(b);
    for (int i = 1; i <= 3; ++i) {
      b.memory.fill(producer, i, x);
      b.streams.record(producer, produced);
      b.streams.wait(consumer, produced);
      b.memory.copy(consumer, x, y);
      b.streams.record(consumer, consumed);
      b.streams.wait(producer, consumed);
      b.memory.fill(producer, -1, x);
      b.streams.synchronize(consumer);
      CHECK(y.read() == all(i));
    }
    b.streams.synchronize(producer);
    CHECK(x.read() == all(-1));
  }
}

TEST_CASE("streams: the null stream is one of them") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, all(0)), y(b, DType::f32, kSize);
    const WorkStream s(b);
    const WorkEvent event(b);
    b.memory.fill(s, 5, x);
    b.streams.record(s, event);
    b.streams.wait({}, event);
    b.memory.copy({}, x, y);
    b.streams.synchronize({});
    CHECK(y.read() == all(5));
  }
}

TEST_CASE("streams: a wait is for the record made before it, and for none where there was none") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, all(0)), y(b, DType::f32, kSize);
    const WorkStream first(b), second(b);
    const WorkEvent event(b), copied(b), never(b);
    b.streams.wait(first, never);
    b.streams.synchronize_event(never);
    b.memory.fill(first, 1, x);
    b.streams.record(first, event);
    b.streams.wait(second, event);
    b.memory.copy(second, x, y);
    b.streams.record(second, copied);
    b.streams.wait(first, copied);
    b.memory.fill(first, 2, x);
    // Had the wait above meant this record, both streams would wait for each other.
    b.streams.record(first, event);
    b.streams.synchronize_event(event);
    b.streams.synchronize(second);
    CHECK(y.read() == all(1));
    CHECK(x.read() == all(2));
  }
}

TEST_CASE("streams: an event can end before what waits for it begins") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, kSize);
    Stream s;
    b.streams.create(&s);
    const WorkStream other(b);
    {
      const WorkEvent event(b);
      b.memory.fill(s, 4, x);
      b.streams.record(s, event);
      b.streams.wait(other, event);
    }
    b.streams.destroy(s);  // has waited
    CHECK(x.read() == all(4));
    b.memory.fill(other, 6, x);
    b.streams.synchronize(other);
    CHECK(x.read() == all(6));
  }
}

TEST_CASE("streams: pinned memory is copied on the stream") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, kSize);
    const Pinned in(b, 3), out(b);
    const WorkStream s(b);
    const WorkEvent copied(b);
    b.memory.copy_from_pinned(s, View(in), x);
    b.memory.copy_to_pinned(s, x, out);
    b.streams.record(s, copied);
    b.memory.fill(s, 9, x);
    b.streams.synchronize_event(copied);
    CHECK(out.read() == all(3));
    b.streams.synchronize(s);
    CHECK(x.read() == all(9));
  }
}

TEST_CASE("streams: several threads, a stream each") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    constexpr int kThreads = 4;
    std::vector<Values> results(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&b, t, &result = results[static_cast<std::size_t>(t)]] {
        const DeviceBuffer x(b, DType::f32, kSize), y(b, DType::f32, kSize);
        const WorkStream s(b);
        for (int i = 0; i < 20; ++i) {
          b.memory.fill(s, 100 * t + i, x);
          b.memory.copy(s, x, y);
          if (i % 5 == t) b.streams.synchronize(s);
        }
        b.streams.synchronize(s);
        result = y.read();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int t = 0; t < kThreads; ++t) {
      CHECK(results[static_cast<std::size_t>(t)] == all(100 * t + 19));
    }
  }
}

TEST_CASE("streams: ref and cpu cannot capture") {
  for (const Backend& b : {ref_backend(), cpu_backend()}) {
    CHECK_THROWS_WITH_AS(b.streams.begin_capture({}),
                         "streams.begin_capture: this backend has no kernel for it", Error);
  }
}

}  // namespace
}  // namespace tl::test
