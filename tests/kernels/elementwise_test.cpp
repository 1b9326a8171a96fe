// elementwise: every result is one rounding of exact operands, so all comparisons are ==.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// One kernel: how it is called with two inputs, and what it computes per element.
struct Case {
  const char* name;
  bool (*present)(const Backend&);
  void (*call)(const Backend&, ConstView a, ConstView b, View y);
  double (*expected)(double a, double b);  // in f64; rounded to f32 afterwards
};

const Case kCases[] = {
    {"add", [](const Backend& b) { return static_cast<bool>(b.elementwise.add); },
     [](const Backend& b, ConstView p, ConstView q, View y) { b.elementwise.add({}, p, q, y); },
     [](double p, double q) { return p + q; }},
    {"relu", [](const Backend& b) { return static_cast<bool>(b.elementwise.relu); },
     [](const Backend& b, ConstView p, ConstView, View y) { b.elementwise.relu({}, p, y); },
     [](double p, double) { return p > 0 ? p : 0; }},
    {"relu_backward",
     [](const Backend& b) { return static_cast<bool>(b.elementwise.relu_backward); },
     [](const Backend& b, ConstView p, ConstView q, View y) {
       b.elementwise.relu_backward({}, p, q, y);
     },
     [](double p, double q) { return p > 0 ? q : 0; }},
};

const std::int64_t kSizes[] = {0, 1, 3, 7, 16, 17, 33, 1009, 16384, 16385, 50000};

Values expected_of(const Case& c, const Values& a, const Values& b) {
  Values y;
  for (std::size_t i = 0; i < a.size(); ++i) {
    y.push_back(static_cast<double>(static_cast<float>(c.expected(a[i], b[i]))));
  }
  return y;
}

TEST_CASE("elementwise: values, for every size and alignment, aliased and not") {
  for (const Backend& b : tested_backends()) {
    for (const Case& c : kCases) {
      if (!c.present(b)) continue;
      CAPTURE(std::string(b.name));
      CAPTURE(std::string(c.name));
      for (std::int64_t size : kSizes) {
        CAPTURE(size);
        Random random(static_cast<std::uint64_t>(size));
        const Values p = random.uniform_vector(size), q = random.uniform_vector(size);
        const Values expected = expected_of(c, p, q);
        if (size > 2) REQUIRE(norm(expected) > 0);
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer x1(b, DType::f32, p, offset), x2(b, DType::f32, q, 2 * offset);
          const DeviceBuffer y(b, DType::f32, size, offset);
          c.call(b, x1, x2, y);
          CHECK((y.read() == expected));
          CHECK((x1.read() == p));
          c.call(b, x1, x2, x1);  // the output may be any input
          CHECK((x1.read() == expected));
          const DeviceBuffer again(b, DType::f32, p, offset);
          c.call(b, again, x2, x2);
          CHECK((x2.read() == expected));
        }
      }
    }
  }
}

TEST_CASE("elementwise.accumulate adds to what is there") {
  for (const Backend& b : tested_backends()) {
    if (!b.elementwise.accumulate) continue;
    CAPTURE(std::string(b.name));
    for (std::int64_t size : kSizes) {
      CAPTURE(size);
      Random random(7);
      const Values p = random.uniform_vector(size), q = random.uniform_vector(size);
      const DeviceBuffer x(b, DType::f32, p, 1), y(b, DType::f32, q, 1);
      b.elementwise.accumulate({}, x, y);
      CHECK((y.read() == expected_of(kCases[0], p, q)));
      b.elementwise.accumulate({}, x, x);
      CHECK((x.read() == expected_of(kCases[0], p, p)));
    }
  }
}

TEST_CASE("elementwise.relu keeps NaN and infinity, in vectors and in the remainder") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const Backend& b : tested_backends()) {
    if (!b.elementwise.relu) continue;
    CAPTURE(std::string(b.name));
    Values x(37, -1);
    x[0] = x[5] = x[36] = std::nan("");
    x[1] = inf, x[2] = -inf, x[35] = 2;
    const DeviceBuffer in(b, DType::f32, x), out(b, DType::f32, 37);
    b.elementwise.relu({}, in, out);
    const Values y = out.read();
    for (std::size_t i = 0; i < y.size(); ++i) {
      CAPTURE(i);
      CHECK(std::isnan(y[i]) == std::isnan(x[i]));
      if (!std::isnan(y[i])) CHECK(y[i] == (x[i] > 0 ? x[i] : 0));
    }
  }
}

TEST_CASE("elementwise.relu_backward: where y is 0, dx is 0, in vectors and in the remainder") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.relu_backward) return;
    const Values y(37, 0), dy(37, 3);
    const DeviceBuffer y_in(b, DType::f32, y), dy_in(b, DType::f32, dy), dx(b, DType::f32, 37);
    b.elementwise.relu_backward({}, y_in, dy_in, dx);
    CHECK((dx.read() == Values(37, 0)));
  });
}

TEST_CASE("elementwise: f64 on ref") {
  const Backend& b = reference();
  const Values p = {1e-17, -2, 3}, q = {1, 2, -1e-300};
  for (const Case& c : kCases) {
    CAPTURE(std::string(c.name));
    const DeviceBuffer x1(b, DType::f64, p), x2(b, DType::f64, q), y(b, DType::f64, 3);
    c.call(b, x1, x2, y);
    for (std::size_t i = 0; i < 3; ++i) CHECK(y.read()[i] == c.expected(p[i], q[i]));
  }
}

TEST_CASE("elementwise: wrong dtypes are refused") {
  for (const Backend& b : tested_backends()) {
    for (const Case& c : kCases) {
      if (!c.present(b)) continue;
      CAPTURE(std::string(b.name));
      CAPTURE(std::string(c.name));
      const DeviceBuffer f32(b, DType::f32, 4), i32(b, DType::i32, 4), u8(b, DType::u8, 4);
      CHECK_THROWS_AS(c.call(b, i32, i32, i32), Error);
      CHECK_THROWS_AS(c.call(b, u8, u8, f32), Error);
    }
  }
}

TEST_CASE("elementwise: cpu names what it needs") {
  const Backend b = cpu_backend();
  const DeviceBuffer x(b, DType::f64, 4);
  CHECK_THROWS_WITH_AS(b.elementwise.relu({}, x, x),
                       "elementwise.relu: cpu needs f32, got f64 (ref has f64)", Error);
}

TEST_CASE("elementwise: same bits for every thread count") {
  const Backend b = cpu_backend();
  Random random(3);
  const DeviceBuffer x(b, DType::f32, random.uniform_vector(70001)),
      other(b, DType::f32, random.uniform_vector(70001));
  for (const Case& c : kCases) {
    CAPTURE(std::string(c.name));
    check_same_for_all_thread_counts([&] {
      const DeviceBuffer y(b, DType::f32, 70001);
      c.call(b, x, other, y);
      return y.read();
    });
  }
}

}  // namespace
}  // namespace tl::test
