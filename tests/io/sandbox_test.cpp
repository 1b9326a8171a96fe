#include "io/sandbox.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "tests/io/pictures.h"

namespace tl {
namespace {

using test::error_of;

std::string child_refusal(const std::function<std::string()>& task,
                          const ChildLimits& limits = {}) {
  return error_of([&] { run_in_child(limits, task); });
}

TEST_CASE("run_in_child: the answer comes back, of any length and content") {
  CHECK(run_in_child({}, [] { return std::string(); }).empty());
  const std::string zero("a\0b", 3);
  CHECK(run_in_child({}, [&] { return zero; }) == zero);
  const std::string large(5'000'000, 'x');
  CHECK(run_in_child({}, [&] { return large; }) == large);
}

TEST_CASE("run_in_child: the child's memory is its own") {
  int value = 1;
  run_in_child({}, [&] {
    value = 2;
    return std::string();
  });
  CHECK(value == 1);
}

TEST_CASE("run_in_child: errors, crashes and silence are one line") {
  CHECK(child_refusal([]() -> std::string { throw std::runtime_error("of\nits own"); }) ==
        "of?its own");
  CHECK(child_refusal([]() -> std::string { throw 1; }) == "unknown error");
  CHECK(child_refusal([]() -> std::string { ::_exit(0); }) == "gave no usable answer");
  CHECK(child_refusal([]() -> std::string { ::_exit(3); }) == "ended without an answer");
  CHECK(child_refusal([]() -> std::string {
          std::raise(SIGSEGV);
          return "";
        }) == "died of signal 11 (Segmentation fault)");
  CHECK(child_refusal([]() -> std::string { std::abort(); }) == "died of signal 6 (Aborted)");
  ChildLimits brief;
  brief.answer_bytes = 1000;
  CHECK(!child_refusal([] { return std::string(5'000'000, 'x'); }, brief).empty());
}

TEST_CASE("run_in_child: time is limited") {
  ChildLimits brief;
  brief.cpu_seconds = 1;
  CHECK(child_refusal(
            []() -> std::string {
              volatile bool forever = true;
              while (forever) {
              }
              return "";
            },
            brief) == "took over 1 s or too much memory");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("run_in_child: memory is limited, and may be allowed for later") {
  ChildLimits limits;
  limits.memory_bytes = 64 << 20;
  limits.more_memory_bytes = 512 << 20;
  const auto take = [] { return std::to_string(std::string(size_t{200} << 20, 'x').size()); };
  CHECK(child_refusal(take, limits) == "needs more memory than is allowed");
  CHECK(run_in_child(limits, [&] {
          allow_memory(300 << 20);
          return take();
        }) == "209715200");
}
#endif

}  // namespace
}  // namespace tl
