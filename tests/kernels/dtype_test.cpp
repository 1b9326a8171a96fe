// with_type: from a dtype at run time to a type at compile time, and back.
#include "kernels/dtype.h"

#include <doctest/doctest.h>

namespace tl {
namespace {

TEST_CASE("with_type calls with the type that the dtype stands for") {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::u8, DType::bf16}) {
    CAPTURE(name_of(dtype));
    with_type(dtype, [&]<class T>(T) {
      CHECK(dtype_of<T>() == dtype);
      CHECK(sizeof(T) == size_of(dtype));
    });
  }
  CHECK_THROWS_AS(with_type(static_cast<DType>(99), [](auto) {}), Error);
}

}  // namespace
}  // namespace tl
