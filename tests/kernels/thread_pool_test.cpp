// parallel_for: every chunk once, nested and concurrent calls, exceptions, changing the count.
#include "kernels/cpu/thread_pool.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/cpu/available_cpus.h"
#include "kernels/error.h"
#include "kernels/parallel_for.h"
#include "tests/support/thread_counts.h"

namespace tl {
namespace {

/// How often each chunk ran.
std::vector<int> runs_per_chunk(std::int64_t chunks) {
  std::vector<std::atomic<int>> counts(static_cast<std::size_t>(chunks));
  std::atomic<bool> worker_in_range{true};
  const int threads = thread_count();
  parallel_for(chunks, [&](std::int64_t chunk, int worker) {
    ++counts[static_cast<std::size_t>(chunk)];
    if (worker < 0 || worker >= threads) worker_in_range = false;
  });
  CHECK(worker_in_range);
  return {counts.begin(), counts.end()};
}

TEST_CASE("parallel_for runs every chunk once") {
  const test::RestoreThreadCount restore;
  for (int threads : {1, 2, 3, 8}) {
    set_thread_count(threads);
    CHECK(thread_count() == threads);
    for (std::int64_t chunks : {0, 1, 2, 3, 7, 64, 1000}) {
      CAPTURE(threads);
      CAPTURE(chunks);
      CHECK(runs_per_chunk(chunks) == std::vector<int>(static_cast<std::size_t>(chunks), 1));
    }
  }
}

TEST_CASE("parallel_for publishes what the bodies wrote, run after run") {
  const test::RestoreThreadCount restore;
  set_thread_count(4);
  std::vector<std::int64_t> squares(17);  // plain memory: a missing happens-before shows
  for (std::int64_t round = 0; round < 5000; ++round) {
    parallel_for(17, [&](std::int64_t chunk, int) {
      squares[static_cast<std::size_t>(chunk)] = round + chunk * chunk;
    });
    std::int64_t sum = std::accumulate(squares.begin(), squares.end(), std::int64_t{0});
    REQUIRE(sum == 17 * round + 16 * 17 * 33 / 6);
  }
}

TEST_CASE("parallel_for uses its workers, awake or asleep") {
  const test::RestoreThreadCount restore;
  set_thread_count(2);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than workers spin
    std::atomic<int> arrived{0};
    // Each chunk waits for the other one: with a single thread this would never end.
    parallel_for(2, [&](std::int64_t, int) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    CHECK(arrived == 2);
  }
}

TEST_CASE("parallel_for within a body runs in the calling thread, as worker 0") {
  const test::RestoreThreadCount restore;
  set_thread_count(3);
  std::atomic<int> inner{0}, elsewhere{0}, threads{0};
  parallel_for(6, [&](std::int64_t, int) {
    const auto self = std::this_thread::get_id();
    threads += thread_count();
    parallel_for(5, [&](std::int64_t, int worker) {
      ++inner;
      if (std::this_thread::get_id() != self || worker != 0) ++elsewhere;
    });
  });
  CHECK(inner == 30);
  CHECK(elsewhere == 0);
  CHECK(threads == 6);
  CHECK(thread_count() == 3);
}

TEST_CASE("parallel_for from several threads at once") {
  const test::RestoreThreadCount restore;
  set_thread_count(3);
  std::atomic<std::int64_t> total{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        parallel_for(10, [&](std::int64_t chunk, int) { total += chunk; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(total == 4 * 300 * 45);
}

TEST_CASE("parallel_for throws the exception of a body and works again after it") {
  const test::RestoreThreadCount restore;
  for (int threads : {1, 3}) {
    set_thread_count(threads);
    for (int round = 0; round < 50; ++round) {
      const auto failing = [](std::int64_t chunk, int) {
        if (chunk % 7 == 5) throw std::runtime_error("chunk failed");
      };
      CHECK_THROWS_WITH_AS(parallel_for(100, failing), "chunk failed", std::runtime_error);
      CHECK_NOTHROW(parallel_for(5, failing));
    }
  }
}

TEST_CASE("idle workers sleep") {
  const test::RestoreThreadCount restore;
  set_thread_count(4);
  parallel_for(8, [](std::int64_t, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();  // CPU time of all threads of the process
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  CHECK(seconds < 0.05);
}

TEST_CASE("a forked child runs parallel_for alone and exits") {
  const test::RestoreThreadCount restore;
  set_thread_count(3);
  parallel_for(8, [](std::int64_t, int) {});
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int sum = 0;
    parallel_for(10, [&](std::int64_t chunk, int) { sum += static_cast<int>(chunk); });
    std::exit(sum);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 45);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a pool goes on with fewer workers where the system grants no more threads") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // limited memory: each thread needs its stack
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto bytes = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + (32 << 20));
    const rlimit limit{bytes, bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
    const cpu::ThreadPool pool(400);
    _exit(pool.threads() >= 1 && pool.threads() < 400 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif

TEST_CASE("set_thread_count refuses nonsense") {
  CHECK_THROWS_AS(set_thread_count(0), Error);
  CHECK_THROWS_AS(set_thread_count(-1), Error);
  CHECK_THROWS_AS(set_thread_count(1 << 20), Error);
}

TEST_CASE("available_cpus is within what the machine has") {
  CHECK(cpu::available_cpus() >= 1);
  CHECK(cpu::available_cpus() <= static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace tl
