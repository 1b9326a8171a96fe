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
  CHECK_ERROR(Shape{2}[1], "shape [2] has no dimension 1");
  CHECK_ERROR(Shape{2}[-2], "shape [2] has no dimension -2");
}

}  // namespace
}  // namespace tl::test
