// Schedules against PyTorch's (tests/golden/make_numbers.py), their ends, errors.
#include "nn/schedule.h"

#include <doctest/doctest.h>

#include <cmath>
#include <span>

#include "tests/golden/numbers.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

/// PyTorch multiplies from step to step and so rounds once per step; ours is a closed form.
void check_rates(const Schedule& schedule, std::span<const double> expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("step ", i);
    const double rate = schedule.rate(static_cast<std::int64_t>(i));
    CHECK(std::abs(rate - expected[i]) <= 1e-14 * 0.3);
  }
}

TEST_CASE("schedule: constant") {
  for (const std::int64_t step : {0, 1, 1000000}) CHECK(Schedule::constant(0.3).rate(step) == 0.3);
}

TEST_CASE("schedule: every step of each kind is PyTorch's") {
  check_rates(Schedule::step(0.3, 7, 0.5), numbers::step);
  check_rates(Schedule::cosine(0.3, 23, 0.02), numbers::cosine);
  check_rates(Schedule::constant(0.3).after_warm_up(5, 0.1), numbers::constant_after_warm_up);
  check_rates(Schedule::step(0.3, 6).after_warm_up(4, 0.25), numbers::step_after_warm_up);
  check_rates(Schedule::cosine(0.3, 20).after_warm_up(3), numbers::cosine_after_warm_up);
}

TEST_CASE("schedule: a cosine stays at its last rate") {
  const Schedule cosine = Schedule::cosine(0.5, 4, 0.25);
  CHECK(cosine.rate(0) == 0.5);
  CHECK(cosine.rate(2) == doctest::Approx(0.375).epsilon(1e-15));
  for (const std::int64_t step : {4, 5, 8, 1000}) CHECK(cosine.rate(step) == 0.25);
}

TEST_CASE("schedule: no warm-up is none") {
  const Schedule plain = Schedule::cosine(0.5, 9), warmed = plain.after_warm_up(0);
  for (std::int64_t step = 0; step < 12; ++step) CHECK(warmed.rate(step) == plain.rate(step));
}

TEST_CASE("schedule: errors") {
  CHECK_ERROR(Schedule::constant(-1), "schedule: the rate -1 is not a finite number of at least 0");
  CHECK_ERROR(Schedule::cosine(1, 3, std::nan("")),
              "schedule: the rate nan is not a finite number of at least 0");
  CHECK_ERROR(Schedule::cosine(1, 0), "schedule: a cosine over 0 steps, at least 1 is needed");
  CHECK_ERROR(Schedule::step(1, 0), "schedule: a stair of 0 steps, at least 1 is needed");
  CHECK_ERROR(Schedule::step(1, 3, -0.1),
              "schedule: the factor -0.1 is not a finite number of at least 0");
  const Schedule constant = Schedule::constant(1);
  CHECK_ERROR(constant.rate(-1), "schedule: there is no step -1");
  CHECK_ERROR(constant.after_warm_up(-1), "schedule: a warm-up of -1 steps");
  CHECK_ERROR(constant.after_warm_up(3, 1.5),
              "schedule: the warm-up begins with 1.5 of the rate, which is not in [0, 1]");
  CHECK_ERROR(constant.after_warm_up(3).after_warm_up(2),
              "schedule: there is a warm-up of 3 steps already");
}

}  // namespace
}  // namespace tl::test
