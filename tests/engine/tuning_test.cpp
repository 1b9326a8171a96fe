#include "engine/tuning.h"

#include <doctest/doctest.h>

#include <thread>

#include "engine/run_variant.h"

namespace tl {
namespace {

struct SleepProblem {
  int size = 0;
};
std::ostream& operator<<(std::ostream& out, const SleepProblem& p) {
  return out << "size " << p.size;
}

struct SleepArgs {
  std::vector<std::string>* calls;
};

using SleepSlot = VariantSlot<SleepProblem, SleepArgs>;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

bool any_size(const SleepProblem&) { return true; }
bool small_size(const SleepProblem& p) { return p.size < 10; }
void run_slow(Stream, const SleepProblem&, const SleepArgs& a) {
  sleep_ms(8);
  a.calls->push_back("slow");
}
void run_fast(Stream, const SleepProblem&, const SleepArgs& a) {
  sleep_ms(1);
  a.calls->push_back("fast");
}
double low(const SleepProblem&) { return 1; }
double high(const SleepProblem&) { return 2; }

/// The slow one is estimated to be cheaper.
SleepSlot slot_of_two() {
  SleepSlot slot("sleep");
  slot.add({.name = "slow", .supports = any_size, .run = run_slow, .cost = low});
  slot.add({.name = "fast", .supports = small_size, .run = run_fast, .cost = high});
  return slot;
}

std::vector<std::string> calls_of(const SleepSlot& slot, const SleepProblem& problem) {
  std::vector<std::string> calls;
  run_variant(Tensor::zeros({1}, DType::f32, Device::cpu), slot, problem, SleepArgs{&calls});
  return calls;
}

}  // namespace

TEST_CASE("variant slot: a preferred variant goes before costs, for its problem alone") {
  SleepSlot slot = slot_of_two();
  slot.prefer("size 3", "fast");
  CHECK(std::string(slot.choose({3}).name) == "fast");
  CHECK(std::string(slot.choose({4}).name) == "slow");
  CHECK(slot.preferred() == std::map<std::string, std::string>{{"size 3", "fast"}});

  slot.prefer("size 12", "fast");  // which it does not support
  CHECK(std::string(slot.choose({12}).name) == "slow");

  slot.force("slow");
  CHECK(std::string(slot.choose({3}).name) == "slow");
  CHECK_THROWS_WITH_AS(slot.prefer("size 3", "quick"),
                       "sleep: no variant 'quick'; it has slow, fast", Error);
}

TEST_CASE("tuning: takes the fastest variant, and measures a problem once") {
  const SleepSlot slot = slot_of_two();
  CHECK(calls_of(slot, {3}) == std::vector<std::string>{"slow"});

  TunedVariants found;
  {
    Tuning tuning({});
    const auto calls = calls_of(slot, {3});
    CHECK(std::count(calls.begin(), calls.end(), "slow") > 1);
    CHECK(std::count(calls.begin(), calls.end(), "fast") > 1);
    CHECK(calls.back() == "fast");
    CHECK(calls_of(slot, {3}) == std::vector<std::string>{"fast"});
    CHECK(tuning.measured() == 1);
    CHECK(tuning.changed() == 1);
    found = tuning.found();
  }
  CHECK(found == TunedVariants{{{"sleep", "size 3"}, "fast"}});
  CHECK(calls_of(slot, {3}) == std::vector<std::string>{"slow"});

  Tuning again(found);
  CHECK(calls_of(slot, {3}) == std::vector<std::string>{"fast"});
  CHECK(again.measured() == 0);
}

TEST_CASE("tuning: what has one variant is not measured, what is forced stays") {
  SleepSlot slot = slot_of_two();
  Tuning tuning({});
  CHECK(calls_of(slot, {12}) == std::vector<std::string>{"slow"});
  slot.force("slow");
  CHECK(calls_of(slot, {3}) == std::vector<std::string>{"slow"});
  CHECK(tuning.measured() == 0);
}

TEST_CASE("tuning: a table becomes the choice of a device's kernels") {
  const Conv2dProblem p{.n = 1, .h = 8, .w = 8, .c_in = 16, .c_out = 16, .kh = 3, .kw = 3};
  const TunedVariants tuned = {{{"conv2d.backward_data", concat(p)}, "implicit_gemm"}};
  const ScopedBackend scoped(Device::cpu, with_tuned_variants(Device::cpu, tuned));
  CHECK(std::string(backend(Device::cpu).conv2d.backward_data.choose(p).name) == "implicit_gemm");
  CHECK(backend(Device::cpu).conv2d.forward.preferred().empty());
}

}  // namespace tl
