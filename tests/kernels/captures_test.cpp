// streams: captured work, its replays, and what cannot be captured.
#include <thread>

#include "kernels/sync_launches.h"
#include "tests/kernels/streams_harness.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

class Captured {
 public:
  /// What f() issues on the stream.
  template <class F>
  Captured(const Backend& b, Stream stream, const F& f) : backend_(b) {
    b.streams.begin_capture(stream);
    f();
    b.streams.end_capture(stream, &graph_);
  }
  ~Captured() { backend_.streams.destroy_graph(graph_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  operator Graph() const { return graph_; }  // NOLINT

 private:
  const Backend& backend_;
  Graph graph_;
};

/// Backends where work can be captured.
template <class F>
void for_each_capturing(const F& f) {
  for (const Backend& b : tested_backends()) {
    if (!b.streams.begin_capture) continue;
    INFO("backend ", b.name);
    f(b);
  }
}

TEST_CASE("captures: captured work does not run, and replays on what the memory holds then") {
  for_each_capturing([](const Backend& b) {
    const DeviceBuffer x(b, DType::f32, all(1)), y(b, DType::f32, all(0));
    const WorkStream s(b), other(b);
    const Captured graph(b, s, [&] { b.memory.copy(s, x, y); });
    b.streams.synchronize(s);
    CHECK(y.read() == all(0));
    for (int i = 1; i <= 2; ++i) {
      b.memory.fill(s, i, x);
      b.streams.replay(s, graph);
      b.streams.synchronize(s);
      CHECK(y.read() == all(i));
    }
    b.memory.fill(s, 3, x);
    b.streams.synchronize(s);
    b.streams.replay(other, graph);
    b.streams.synchronize(other);
    CHECK(y.read() == all(3));
  });
}

TEST_CASE("captures: pinned memory in captured work is read at each replay") {
  for_each_capturing([](const Backend& b) {
    const DeviceBuffer x(b, DType::f32, kSize), y(b, DType::f32, kSize);
    Pinned in(b);
    const Pinned out(b);
    const WorkStream s(b);
    const Captured graph(b, s, [&] {
      b.memory.copy_from_pinned(s, View(in), x);
      b.memory.copy(s, x, y);
      b.memory.copy_to_pinned(s, y, out);
    });
    for (const float value : {2.0f, 7.0f}) {
      in.set(value);
      b.streams.replay(s, graph);
      b.streams.synchronize(s);
      CHECK(out.read() == all(static_cast<double>(value)));
    }
  });
}

TEST_CASE("captures: a replay has the bits of the same calls one by one") {
  for_each_capturing([](const Backend& b) {
    constexpr std::int64_t kRows = 5, kColumns = 37;
    const Values values = Random(1).uniform_vector(kRows * kColumns, -3, 3);
    const DeviceBuffer x(b, DType::f32, values), y(b, DType::f32, kRows * kColumns),
        dx(b, DType::f32, kRows * kColumns);
    const WorkStream s(b);
    const auto step = [&] {
      b.softmax.forward(s, kColumns, x, y);
      b.softmax.backward(s, kColumns, y, x, dx);
      b.memory.copy(s, dx, x);  // the next step goes on from here
    };
    const auto three = [&](const auto& run) {
      const DeviceBuffer start(b, DType::f32, values);
      b.memory.copy(s, start, x);
      for (int i = 0; i < 3; ++i) run();
      b.streams.synchronize(s);
      return x.read();
    };
    const Values eager = three(step);
    const Captured graph(b, s, step);
    CHECK(three([&] { b.streams.replay(s, graph); }) == eager);
    CHECK(eager != values);
  });
}

TEST_CASE("captures: replays of one graph follow each other, on several streams as well") {
  for_each_capturing([](const Backend& b) {
    const DeviceBuffer x(b, DType::f32, all(1)), y(b, DType::f32, all(2)), z(b, DType::f32, kSize);
    const WorkStream first(b), second(b);
    // Turns x, y round.
    const Captured graph(b, first, [&] {
      b.memory.copy(first, x, z);
      b.memory.copy(first, y, x);
      b.memory.copy(first, z, y);
    });
    b.streams.replay(first, graph);
    b.streams.replay(second, graph);
    b.streams.replay(first, graph);
    b.streams.synchronize(first);
    CHECK(x.read() == all(2));
    CHECK(y.read() == all(1));
  });
}

TEST_CASE("captures: what was replayed goes on when its graph is destroyed") {
  for_each_capturing([](const Backend& b) {
    const DeviceBuffer x(b, DType::f32, all(0));
    const WorkStream s(b);
    {
      const Captured graph(b, s, [&] { b.memory.fill(s, 8, x); });
      b.streams.replay(s, graph);
    }
    b.streams.synchronize(s);
    CHECK(x.read() == all(8));
  });
}

TEST_CASE("captures: while one captures, memory is allocated and other streams go on") {
  for_each_capturing([](const Backend& b) {
    const DeviceBuffer x(b, DType::f32, all(0));
    const WorkStream s(b), other(b);
    b.streams.begin_capture(s);
    b.memory.fill(s, 1, x);
    {
      const DeviceBuffer y(b, DType::f32, all(4));  // also released in here
      b.memory.fill(other, 5, y);
      b.streams.synchronize(other);
      CHECK(y.read() == all(5));
    }
    std::thread([&] {
      const DeviceBuffer y(b, DType::f32, all(6));
      const Pinned pinned(b);
      CHECK(y.read() == all(6));
    }).join();
    Graph graph;
    b.streams.end_capture(s, &graph);
    CHECK(x.read() == all(0));
    b.streams.replay(s, graph);
    b.streams.synchronize(s);
    CHECK(x.read() == all(1));
    b.streams.destroy_graph(graph);
  });
}

TEST_CASE("captures: launches that are waited for can be captured") {
  for_each_capturing([](const Backend& b) {
    const bool before = sync_launches.exchange(true);
    const DeviceBuffer x(b, DType::f32, all(0));
    {
      const WorkStream s(b);
      const Captured graph(b, s, [&] { b.memory.fill(s, 1, x); });
      CHECK(x.read() == all(0));
      b.streams.replay(s, graph);
    }
    CHECK(x.read() == all(1));
    sync_launches = before;
  });
}

TEST_CASE("captures: a call that cannot be captured is an error, and the capture is one") {
  for_each_capturing([](const Backend& b) {
    const DeviceBuffer x(b, DType::f32, all(0));
    std::vector<float> host(kSize);
    const WorkStream s(b);
    void* block = nullptr;
    b.memory.allocate(64, &block);
    const auto refused = [&](const char* what, const auto& f) {
      CAPTURE(what);
      b.streams.begin_capture(s);
      b.memory.fill(s, 1, x);
      CHECK_THROWS_AS(f(), Error);
      Graph graph{&host};
      CHECK_THROWS_AS(b.streams.end_capture(s, &graph), Error);
      CHECK(graph.handle == &host);
      b.memory.fill(s, 2, x);  // and the stream is as it was
      b.streams.synchronize(s);
      CHECK(x.read() == all(2));
    };
    refused("synchronize", [&] { b.streams.synchronize(s); });
    refused("copy_to_host", [&] { b.memory.copy_to_host(s, x, view_of(host.data(), kSize)); });
    refused("copy_from_host", [&] {
      b.memory.copy_from_host(s, view_of(static_cast<const float*>(host.data()), kSize), x);
    });
    refused("release", [&] { b.memory.release(s, 64, block); });
    b.memory.release(s, 64, block);
  });
}

TEST_CASE("captures: events, and captures out of place, are refused by name") {
  for_each_capturing([](const Backend& b) {
    const WorkStream s(b);
    const WorkEvent event(b);
    Graph graph;
    CHECK_THROWS_AS(b.streams.end_capture(s, &graph), Error);  // none was begun
    CHECK_THROWS_AS(b.streams.begin_capture({}), Error);       // not of the null stream
    b.streams.begin_capture(s);
    CHECK_THROWS_AS(b.streams.begin_capture(s), Error);
    CHECK_THROWS_WITH_AS(b.streams.record(s, event),
                         "streams.record: not while the stream captures", Error);
    CHECK_THROWS_WITH_AS(b.streams.wait(s, event), "streams.wait: not while the stream captures",
                         Error);
    b.streams.end_capture(s, &graph);  // empty, and good for that
    b.streams.replay(s, graph);
    b.streams.synchronize(s);
    b.streams.destroy_graph(graph);
  });
}

}  // namespace
}  // namespace tl::test
