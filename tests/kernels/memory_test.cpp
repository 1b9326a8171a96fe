// memory: alignment, copies, fill, refusals.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

TEST_CASE("memory.allocate aligns to 64 and takes 0 bytes") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    for (std::int64_t bytes : {0, 1, 63, 64, 65, 1000}) {
      void* data = nullptr;
      b.memory.allocate(bytes, &data);
      CHECK(data != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
      b.memory.release(data);
    }
  }
}

TEST_CASE("memory.allocate refuses what cannot be") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    void* data = nullptr;
    CHECK_THROWS_AS(b.memory.allocate(-1, &data), Error);
#ifndef TL_EXACT_ALLOCATION  // an address sanitizer ends the program instead
    CHECK_THROWS_AS(b.memory.allocate(std::int64_t{1} << 56, &data), Error);
#endif
  }
}

TEST_CASE("memory.copy and fill, every dtype") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    for (DType dtype : {DType::f32, DType::f64, DType::i32, DType::u8}) {
      for (std::int64_t size : {0, 1, 17, 1000}) {
        CAPTURE(dtype);
        CAPTURE(size);
        const std::vector<double> values = Random(1).integer_vector(size, 0, 200);
        const DeviceBuffer x(b, dtype, values, 1), y(b, dtype, size, 1);
        b.memory.copy({}, x, y);
        CHECK(y.read() == values);
        if (!b.memory.fill) continue;
        b.memory.fill({}, 7, y);
        CHECK(y.read() == std::vector<double>(static_cast<std::size_t>(size), 7));
        CHECK(x.read() == values);
      }
    }
  }
}

TEST_CASE("memory.fill rounds to the dtype") {
  for (const Backend& b : tested_backends()) {
    if (!b.memory.fill) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer f32(b, DType::f32, 3), f64(b, DType::f64, 3), i32(b, DType::i32, 3);
    b.memory.fill({}, 0.1, f32);
    b.memory.fill({}, 0.1, f64);
    b.memory.fill({}, -2.6, i32);
    CHECK(f32.read() == std::vector<double>(3, static_cast<double>(0.1f)));
    CHECK(f64.read() == std::vector<double>(3, 0.1));
    CHECK(i32.read() == std::vector<double>(3, -3));
  }
}

TEST_CASE("memory.copy refuses unequal size and dtype") {
  for (const Backend& b : {ref_backend(), cpu_backend()}) {
    const DeviceBuffer x(b, DType::f32, 4), shorter(b, DType::f32, 3), other(b, DType::i32, 4);
    CHECK_THROWS_AS(b.memory.copy({}, x, shorter), Error);
    CHECK_THROWS_AS(b.memory.copy({}, x, other), Error);
  }
}

}  // namespace
}  // namespace tl::test
