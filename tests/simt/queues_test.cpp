// Streams as deferred queues: when work runs, in which order, and what an error leaves behind.
#include "kernels/simt/queues.h"

#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/sync_launches.h"
#include "tests/simt/streams_support.h"

namespace tl::simt {
namespace {

__global__ void note(int who, int* count, int* list) { list[(*count)++] = who; }

__global__ void set(int value, int* y) { *y = value; }

void issue_set(int value, int* y, cudaStream_t stream) { launch<set>(1, 1, 0, stream, value, y); }

void synchronize(cudaStream_t stream) { CHECK(cudaStreamSynchronize(stream) == cudaSuccess); }

/// What has run, in order.
class Log {
 public:
  /// Work that writes `who` down.
  void issue(int who, cudaStream_t stream) {
    launch<note>(1, 1, 0, stream, who, static_cast<int*>(count_), static_cast<int*>(list_));
  }
  std::string read() const {
    std::string text;
    for (int i = 0; i < look<int>(count_); ++i) text += concat(i ? " " : "", look(list_ + i));
    return text;
  }

 private:
  Buffer<int> count_{std::vector<int>{0}}, list_{64};
};

}  // namespace

TEST_CASE("simt: work runs when somebody waits for it") {
  const Buffer<int> y(std::vector<int>{0});
  const WorkStream s;
  issue_set(5, y, s);
  CHECK(look<int>(y) == 0);
  synchronize(s);
  CHECK(look<int>(y) == 5);
}

TEST_CASE("simt: forward, only what is waited for runs, with what it needs") {
  const UseOrder order(parse_order("forward"));
  Log log;
  const WorkEvent event;
  const WorkStream a, b, c;
  log.issue(1, a);
  CHECK(cudaEventRecord(event, a) == cudaSuccess);
  log.issue(2, a);
  CHECK(cudaStreamWaitEvent(b, event) == cudaSuccess);
  log.issue(3, b);
  log.issue(4, c);
  synchronize(b);
  CHECK(log.read() == "1 3");
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(log.read() == "1 3 2 4");
}

TEST_CASE("simt: reverse, all that can run in other streams runs first") {
  const UseOrder order(parse_order("reverse"));
  Log log;
  const WorkEvent event;
  const WorkStream a, b, c, d;
  log.issue(1, a);
  CHECK(cudaEventRecord(event, a) == cudaSuccess);
  log.issue(2, a);
  CHECK(cudaStreamWaitEvent(b, event) == cudaSuccess);
  log.issue(3, b);
  log.issue(4, c);
  log.issue(5, c);
  log.issue(6, d);
  synchronize(a);
  CHECK(log.read() == "6 4 5 1 3 2");
}

TEST_CASE("simt: reverse, work behind what is waited for runs as well") {
  const UseOrder order(parse_order("reverse"));
  Log log;
  const WorkEvent event;
  const WorkStream a, b;
  log.issue(1, a);
  CHECK(cudaEventRecord(event, a) == cudaSuccess);
  log.issue(2, a);
  log.issue(3, b);
  CHECK(cudaEventSynchronize(event) == cudaSuccess);
  CHECK(log.read() == "3 1 2");
}

TEST_CASE("simt: random, a seed is an order, and streams keep theirs") {
  const auto order_of = [](const char* seed) {
    const UseOrder order(parse_order(seed));
    Log log;
    const WorkStream a, b;
    for (int i = 0; i < 6; ++i) {
      log.issue(10 + i, a);
      log.issue(20 + i, b);
    }
    synchronize(a);
    synchronize(b);
    return log.read();
  };
  std::set<std::string> orders;
  for (const char* seed : {"random:1", "random:2", "random:3", "random:4"}) {
    const std::string text = order_of(seed);
    CHECK(order_of(seed) == text);
    for (int i = 0; i < 5; ++i) {
      for (int first : {10, 20})
        CHECK(text.find(concat(first + i)) < text.find(concat(first + i + 1)));
    }
    orders.insert(text);
  }
  CHECK(orders.size() > 2);
}

TEST_CASE("simt: a wait is for the last record before it") {
  for_each_order([] {
    Log log;
    const WorkEvent event, never;
    const WorkStream a, b;
    CHECK(cudaStreamWaitEvent(a, never) == cudaSuccess);
    CHECK(cudaEventSynchronize(never) == cudaSuccess);
    log.issue(1, a);
    CHECK(cudaEventRecord(event, a) == cudaSuccess);
    log.issue(2, a);
    CHECK(cudaEventRecord(event, a) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(b, event) == cudaSuccess);
    log.issue(3, b);
    CHECK(cudaEventRecord(event, b) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(a, event) == cudaSuccess);
    log.issue(4, a);
    synchronize(a);
    CHECK(log.read() == "1 2 3 4");
  });
}

TEST_CASE("simt: asking for an event comes to an end") {
  const Buffer<int> y(std::vector<int>{0});
  const WorkEvent event;
  const WorkStream s;
  CHECK(cudaEventQuery(event) == cudaSuccess);  // never recorded
  for (int i = 0; i < 5; ++i) launch<add>(1, 1, 0, s, 1, static_cast<int*>(y));
  CHECK(cudaEventRecord(event, s) == cudaSuccess);
  int asked = 0;
  while (cudaEventQuery(event) == cudaErrorNotReady) ++asked;
  CHECK(asked == 5);
  CHECK(look<int>(y) == 5);
}

TEST_CASE("simt: cudaFree and the end of a stream wait") {
  for_each_order([] {
    const Buffer<int> y(std::vector<int>{0});
    void* block = nullptr;
    CHECK(cudaMalloc(&block, 4) == cudaSuccess);
    {
      const WorkStream a;
      issue_set(1, y, a);
    }
    CHECK(look<int>(y) == 1);
    const WorkStream a;
    issue_set(2, y, a);
    CHECK(cudaFree(block) == cudaSuccess);
    CHECK(look<int>(y) == 2);
  });
}

TEST_CASE("simt: copies read and write host memory when the queue comes to them") {
  const Buffer<int> y(std::vector<int>{0});
  const PinnedInt in(1), out(0);
  const WorkStream s;
  CHECK(cudaMemcpyAsync(y, in, sizeof(int), cudaMemcpyHostToDevice, s) == cudaSuccess);
  CHECK(cudaMemcpyAsync(out, y, sizeof(int), cudaMemcpyDeviceToHost, s) == cudaSuccess);
  *in = 2;
  CHECK(*out == 0);
  synchronize(s);
  CHECK(*out == 2);
}

TEST_CASE("simt: a copy whose memory is gone is an error that says so") {
  const WorkStream s;
  const PinnedInt host(1);
  void* pinned = nullptr;
  void* device = nullptr;
  CHECK(cudaMallocHost(&pinned, 4) == cudaSuccess);
  CHECK(cudaMalloc(&device, 4) == cudaSuccess);
  CHECK(cudaMemcpyAsync(device, pinned, 4, cudaMemcpyHostToDevice, s) == cudaSuccess);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(error_of([&] { cudaStreamSynchronize(s); }) ==
        "cudaMemcpyAsync of 4 bytes: its pinned memory was freed before it ran");
  CHECK(cudaFreeAsync(device, s) == cudaSuccess);
  CHECK(cudaMemcpyAsync(host, device, 4, cudaMemcpyDeviceToHost, s) == cudaSuccess);
  CHECK(error_of([&] { cudaStreamSynchronize(s); }) ==
        "cudaMemcpyAsync of 4 bytes: its device memory was freed before it ran");
  CHECK(cudaMemsetAsync(device, 0, 4, s) == cudaErrorInvalidValue);
}

TEST_CASE("simt: an error comes out of the wait, and drops all work but frees") {
  for_each_order([] {
    const Buffer<int> y(std::vector<int>{0});
    void* block = nullptr;
    CHECK(cudaMalloc(&block, 4) == cudaSuccess);
    const WorkStream a;
    launch<fails>(1, 64, 0, a);
    issue_set(1, y, a);
    CHECK(cudaFreeAsync(block, a) == cudaSuccess);
    CHECK(contains(error_of([&] { cudaStreamSynchronize(a); }), "fails: block (0,0,0) thread"));
    CHECK(look<int>(y) == 0);
    CHECK(cudaMemsetAsync(block, 0, 4, a) == cudaErrorInvalidValue);  // it is free
    issue_set(2, y, a);
    synchronize(a);
    CHECK(look<int>(y) == 2);
  });
}

TEST_CASE("simt: an error of one thread's work is told to who waits for work dropped with it") {
  Queues queues;
  std::string told;
  for (int i = 0; i < 100 && told.empty(); ++i) {
    const std::shared_ptr<Queue> a = queues.add(), b = queues.add();
    queues.push(*b, {[] {}});
    std::thread other;
    queues.push(*a, {[&] {
      // The other waits in here by now, or else in another round.
      other = std::thread([&] { told = error_of([&] { queues.run_to(queues.end(b)); }); });
      std::this_thread::sleep_for(std::chrono::milliseconds(i));
      throw Error("a has failed");
    }});
    const UseOrder order(parse_order("forward"));
    CHECK(error_of([&] { queues.run_to(queues.end(a)); }) == "a has failed");
    other.join();
    if (told == "no error") told.clear();
  }
  CHECK(told == "dropped, because a has failed");
}

TEST_CASE("simt: several threads, a stream each") {
  for_each_order([] {
    constexpr int kThreads = 3;
    const Buffer<int> y(std::vector<int>(kThreads, 0));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t, &y] {
        cudaStream_t s = nullptr;
        cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
        for (int i = 0; i < 40; ++i) {
          launch<add>(1, 1, 0, s, t + 1, y + t);
          if (i % 7 == t) cudaStreamSynchronize(s);
        }
        cudaStreamDestroy(s);
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(y.read() == std::vector<int>{40, 80, 120});
  });
}

TEST_CASE("simt: a queue takes 1024 pieces of work, then its first must run") {
  const UseOrder order(parse_order("forward"));
  const Buffer<int> y(std::vector<int>{0});
  const WorkStream s;
  for (int i = 0; i < 1100; ++i) launch<add>(1, 1, 0, s, 1, static_cast<int*>(y));
  CHECK(look<int>(y) == 1100 - 1024);
  synchronize(s);
  CHECK(look<int>(y) == 1100);
}

TEST_CASE("simt: a free runs no work, also where the queue is full") {
  const WorkStream s;
  launch<fails>(1, 64, 0, s);
  for (int i = 0; i < 1100; ++i) CHECK(cudaFreeAsync(nullptr, s) == cudaSuccess);
  CHECK(contains(error_of([&] { cudaStreamSynchronize(s); }), "fails: block (0,0,0) thread"));
}

TEST_CASE("simt: with sync_launches a launch has run when it returns, or failed") {
  const bool before = sync_launches.exchange(true);
  const Buffer<int> y(std::vector<int>{0});
  const WorkStream s;
  issue_set(3, y, s);
  CHECK(look<int>(y) == 3);
  std::string error;
  try {
    launch<fails>(1, 64, 0, s);
  } catch (const Error& e) {
    error = e.what();
  }
  CHECK(contains(error, "fails: block (0,0,0) thread"));
  sync_launches = before;
}

TEST_CASE("simt: streams and events that are none") {
  cudaStream_t s = nullptr;
  cudaEvent_t e = nullptr;
  CHECK(cudaStreamCreateWithFlags(&s, 0) == cudaErrorInvalidValue);
  CHECK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess);
  CHECK(cudaEventCreateWithFlags(&e, cudaEventDisableTiming) == cudaSuccess);
  CHECK(cudaStreamDestroy(s) == cudaSuccess);
  CHECK(cudaEventDestroy(e) == cudaSuccess);
  CHECK(cudaStreamSynchronize(s) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamDestroy(s) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamDestroy(nullptr) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventRecord(e, nullptr) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamWaitEvent(nullptr, e) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventSynchronize(e) == cudaErrorInvalidResourceHandle);
  CHECK(contains(error_of([&] { launch<fails>(1, 64, 0, s); }), "fails: invalid resource handle"));
}

}  // namespace tl::simt
