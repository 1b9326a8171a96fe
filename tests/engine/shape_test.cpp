// Shape.
#include "engine/shape.h"

#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

TEST_CASE("shape: extents, size, printing") {
  const Shape s{2, 3, 5};
  CHECK(s.rank() == 3);
  CHECK(s[0] == 2);
  CHECK(s[-1] == 5);
  CHECK(s[-3] == 2);
  CHECK(s.size() == 30);
  CHECK(concat(s) == "[2, 3, 5]");
  CHECK(concat(Shape{}) == "[]");
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{4, 0}.size() == 0);
  CHECK(s == Shape(std::vector<std::int64_t>{2, 3, 5}));
  CHECK(s != Shape{2, 15});
  CHECK(Shape{1} != Shape{});
}

TEST_CASE("shape: errors") {
  CHECK_ERROR((Shape{2, -1}), "shape [2, -1]: an extent is negative");
  const std::int64_t k2To31 = std::int64_t{1} << 31;
  CHECK(Shape{k2To31, k2To31}.size() == std::int64_t{1} << 62);
  CHECK_ERROR((Shape{2 * k2To31, k2To31}),
              "shape [4294967296, 2147483648]: more elements than can be counted");
  CHECK_ERROR((Shape{2 * k2To31, 0, 2 * k2To31}),
              "shape [4294967296, 0, 4294967296]: more elements than can be counted");
  CHECK_ERROR(Shape{2}[1], "shape [2] has no dimension 1");
  CHECK_ERROR(Shape{2}[-2], "shape [2] has no dimension -2");
}

}  // namespace
}  // namespace tl::test
