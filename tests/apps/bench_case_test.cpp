// Cases of `tlbench run`: every contestant is held against `ref`, and one that is wrong is noticed.
#include "apps/bench/bench_case.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "apps/bench/alternate.h"
#include "apps/bench/cache_sizes.h"
#include "apps/bench/run.h"
#include "engine/device.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

/// Largest error of each case of `line` on b, and how many contestants there were.
struct Seen {
  std::vector<std::string> slots;
  int contestants = 0;
  double worst = 0;
};

Seen look_at(const Backend& b, const std::string& line) {
  Seen seen;
  for_each_case({.b = b}, parse_problem(line, "here"), [&](const BenchCase& c) {
    seen.slots.push_back(c.slot);
    for (const Contestant& contestant : c.contestants) {
      CAPTURE(c.slot);
      CAPTURE(contestant.name);
      c.spoil_outputs();
      contestant.run(0);
      const double error = c.error(contestant.outputs());
      seen.worst = error <= seen.worst ? seen.worst : error;
      ++seen.contestants;
      contestant.run(c.copies - 1);  // the last copy is there
    }
  });
  return seen;
}

TEST_CASE("bench case: all variants of the cpu agree with ref on every kind of problem") {
  const Backend b = cpu_backend();
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"gemm m=5 n=7 k=9", {"gemm"}},
      {"gemm m=5 n=7 k=9 batch=3 trans_a trans_b bias", {"gemm"}},
      {"conv2d n=4 h=9 w=7 c_in=8 c_out=12 k=3 pad=1",
       {"conv2d.forward", "conv2d.backward_data", "conv2d.backward_weight"}},
      {"conv2d n=2 h=9 w=7 c_in=8 c_out=12 k=3 stride=2 groups=4",
       {"conv2d.forward", "conv2d.backward_data", "conv2d.backward_weight"}},
      {"conv2d n=4 h=9 w=7 c_in=8 c_out=12 k=3 pad=1 bias residual relu", {"conv2d.forward"}},
      {"batch_norm rows=35 channels=6",
       {"batch_norm.train", "batch_norm.train_backward", "batch_norm.eval"}},
      {"batch_norm rows=35 channels=6 relu",
       {"batch_norm.train", "batch_norm.train_backward", "batch_norm.eval"}},
      {"batch_norm rows=35 channels=6 relu residual",
       {"batch_norm.train", "batch_norm.train_backward", "batch_norm.eval"}},
      {"max_pool2d n=2 h=7 w=9 c=5 k=3 stride=2 pad=1",
       {"max_pool2d.forward", "max_pool2d.backward"}},
      {"max_pool2d n=2 h=7 w=9 c=5 k=3 stride=2 pad=1 positions",
       {"max_pool2d.forward", "max_pool2d.backward"}},
      {"average_pool2d n=2 h=7 w=9 c=5 k=3 stride=2 pad=1",
       {"average_pool2d.forward", "average_pool2d.backward"}},
      {"relu n=2 h=3 w=4 c=5", {"elementwise.unary"}},
      {"accumulate n=2 h=3 w=4 c=5", {"elementwise.accumulate"}},
      {"softmax n=2 h=3 w=4 c=5", {"softmax.forward"}},
      {"global_average_pool n=2 h=3 w=4 c=5", {"global_average_pool.forward"}}};
  for (const auto& [line, slots] : cases) {
    CAPTURE(line);
    const Seen seen = look_at(b, line);
    CHECK(seen.slots == slots);
    CHECK(seen.contestants >= static_cast<int>(slots.size()));
    CHECK(seen.worst <= 1e-5);
  }
}

// ref's product with its last element off, and one that computes nothing.
void last_is_off(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  static const Backend right = ref_backend();
  right.gemm.run.choose(p).run(stream, p, args);
  args.y.as<float>()[args.y.size - 1] += 1;
}
void does_nothing(Stream, const GemmProblem&, const GemmArgs&) {}

Backend with_gemm(void (*run)(Stream, const GemmProblem&, const GemmArgs&)) {
  Backend b = ref_backend();
  VariantSlot<GemmProblem, GemmArgs> slot("gemm");
  slot.add({.name = "planted", .supports = [](const GemmProblem&) { return true; }, .run = run});
  b.gemm.run = slot;
  return b;
}

TEST_CASE("bench case: a wrong element and one that nobody wrote are seen") {
  CHECK(look_at(with_gemm(last_is_off), "gemm m=5 n=7 k=9").worst > 0.1);
  CHECK(std::isnan(look_at(with_gemm(does_nothing), "gemm m=5 n=7 k=9").worst));
}

TEST_CASE("bench run: a wrong variant is an error, and is not measured") {
  RunBenchOptions o;
  o.op = "gemm", o.device = Device::ref, o.seconds = 0, o.json = true;
  o.problems = {"gemm m=5 n=7 k=9"};
  CHECK(bench_run(o));
  const ScopedBackend planted(Device::ref, with_gemm(last_is_off));
  CHECK_FALSE(bench_run(o));
}

TEST_CASE("bench case: as many copies as the last-level cache needs, and one for profilers") {
  const auto copies = [](const CaseOptions& o, const char* line) {
    int count = 0;
    for_each_case(o, parse_problem(line, "here"), [&](const BenchCase& c) { count = c.copies; });
    return count;
  };
  const Backend cpu = cpu_backend();
  const char* line = "gemm m=512 n=512 k=512";  // 3 MB
  const double bytes = 3 * 4.0 * 512 * 512;
  const double cache = static_cast<double>(cache_sizes().last_level());
  CHECK(copies({.b = cpu}, line) * bytes >= 2 * cache);
  CHECK((copies({.b = cpu}, line) - 1) * bytes < 2 * cache);
  CHECK(copies({.b = cpu, .once = true}, line) == 1);
}

TEST_CASE("bench case: caches as Linux lists them") {
  const TemporaryFolder folder;
  const auto add = [&](const char* index, const char* level, const char* type, const char* size) {
    const std::filesystem::path cache = folder.path() / index;
    std::filesystem::create_directory(cache);
    std::ofstream(cache / "level") << level << "\n";
    std::ofstream(cache / "type") << type << "\n";
    std::ofstream(cache / "size") << size << "\n";
  };
  add("index0", "1", "Data", "48K");
  add("index1", "1", "Instruction", "32K");
  add("index2", "2", "Unified", "2M");
  CHECK(cache_sizes(folder.path()).l1 == 48 << 10);
  CHECK(cache_sizes(folder.path()).l2 == 2 << 20);
  CHECK(cache_sizes(folder.path()).l3 == 0);
  CHECK(cache_sizes(folder.path()).last_level() == 2 << 20);
  CHECK(cache_sizes(folder.path() / "none").last_level() == 32 << 20);
}

TEST_CASE("bench times: quartiles, and everybody in turn on every copy") {
  const Times times = times_of({5, 1, 4, 2, 3});
  CHECK(times.minimum == 1);
  CHECK(times.median == 3);
  CHECK(times.maximum == 5);
  CHECK(times.spread() == doctest::Approx(2.0 / 3));
  CHECK(times_of({7}).spread() == 0);

  std::vector<int> first, second;
  const Contestant a{.name = "a", .run = [&](int copy) { first.push_back(copy); }};
  const Contestant b{.name = "b", .run = [&](int copy) { second.push_back(copy); }};
  const std::vector<Times> both = time_alternating({&a, &b}, 3, {.seconds = 0, .wait = {}});
  CHECK(both.size() == 2);
  CHECK(both[0].count == 1);
  CHECK(first == std::vector<int>{0, 1, 2, 0});  // two to warm up, one to wake, one that counts
  CHECK(second == first);
}

}  // namespace
}  // namespace tl::test
