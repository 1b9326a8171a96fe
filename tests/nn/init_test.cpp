// Initialisations: the right distribution, with the right variance.
#include "nn/init.h"

#include <cmath>

#include "tests/support/op_errors.h"
#include "tests/support/ref_placement.h"

namespace tl::test {
namespace {

enum class Kind { uniform, normal };

/// Mean 0 and this variance within 5 standard deviations of the estimates (fourth moment of a
/// uniform variable 9/5 variance^2, of a normal one 3 variance^2), and the tails of the kind.
void check_distribution(const Tensor& x, Kind kind, double variance) {
  const auto values = x.to_vector<double>();
  const double n = static_cast<double>(values.size());
  REQUIRE(n > 10000);
  double mean = 0, square = 0, largest = 0;
  for (const double v : values) {
    mean += v / n;
    square += v * v / n;
    largest = std::max(largest, std::abs(v));
  }
  CHECK(std::abs(mean) < 5 * std::sqrt(variance / n));
  const double excess = kind == Kind::uniform ? 0.8 : 2.0;
  CHECK(std::abs(square / variance - 1) < 5 * std::sqrt(excess / n));
  const double bound = std::sqrt(3 * variance);  // of the uniform distribution
  if (kind == Kind::uniform) {
    CHECK(largest <= bound);
    CHECK(largest > 0.99 * bound);
  } else {
    CHECK(largest > 1.5 * bound);
  }
}

TEST_CASE("init: variances of a matrix and of a filter") {
  const struct {
    Shape shape;
    double in, out;
  } cases[] = {{{150, 90}, 90, 150}, {{40, 3, 5, 20}, 300, 600}};
  for (const auto& c : cases) {
    INFO(concat(c.shape));
    CHECK(fans_of(c.shape).in == c.in);
    CHECK(fans_of(c.shape).out == c.out);
    Generator random(3);
    check_distribution(kaiming_normal_fan_out(c.shape, random, kRef), Kind::normal, 2 / c.out);
    check_distribution(kaiming_uniform(c.shape, 0, random, kRef), Kind::uniform, 2 / c.in);
    // A slope of sqrt(5): +-1 / sqrt(fan_in), variance 1 / (3 fan_in).
    check_distribution(kaiming_uniform(c.shape, std::sqrt(5.0), random, kRef), Kind::uniform,
                       1 / (3 * c.in));
    check_distribution(xavier_uniform(c.shape, random, kRef), Kind::uniform, 2 / (c.in + c.out));
    check_distribution(xavier_normal(c.shape, random, kRef), Kind::normal, 2 / (c.in + c.out));
  }
  Generator random(4);
  check_distribution(uniform_tensor({20000}, 0.5, random, kRef), Kind::uniform, 0.25 / 3);
  check_distribution(normal_tensor({20000}, 0.5, random, kRef), Kind::normal, 0.25);
}

TEST_CASE("init: other ranks have no fans") {
  Generator random(1);
  CHECK_ERROR(xavier_uniform({3}, random, kRef),
              "initialisation: [3] is neither a matrix [out, in] nor a filter [c_out, kh, kw, "
              "c_in]");
}

TEST_CASE("init: a generator of zeros") {
  Generator zeros = Generator::of_zeros();
  const std::vector<double> expected(6, 0);
  CHECK(kaiming_normal_fan_out({2, 3}, zeros, kRef).to_vector<double>() == expected);
  CHECK(kaiming_uniform({2, 3}, 1, zeros, kRef).to_vector<double>() == expected);
}

}  // namespace
}  // namespace tl::test
