// memory: alignment, copies, fill, cast, refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

TEST_CASE("memory.allocate aligns to 64 and takes 0 bytes") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    for (std::int64_t bytes : {0, 1, 63, 64, 65, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1}) {
      void* data = nullptr;
      b.memory.allocate(bytes, &data);
      CHECK(data != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
      b.memory.release({}, bytes, data);
    }
  }
}

#if defined(__linux__) && !defined(TL_EXACT_ALLOCATION)
TEST_CASE("memory.release gives a large block back to the system") {
  for (const Backend& b : {ref_backend(), cpu_backend()}) {
    CAPTURE(std::string(b.name));
    for (int i = 0; i < 2; ++i) {  // a library that keeps blocks keeps them from the second on
      constexpr std::int64_t kBytes = 8 << 20;
      void* data = nullptr;
      b.memory.allocate(kBytes, &data);
      std::memset(data, 1, kBytes);
      void* page = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(data) & ~0xFFFul);
      unsigned char resident = 0;
      CHECK(mincore(page, 1, &resident) == 0);
      b.memory.release({}, kBytes, data);
      CHECK(mincore(page, 1, &resident) != 0);  // nothing is mapped there
    }
  }
}
#endif

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

TEST_CASE("memory.release: work that was issued before it still has the block") {
  constexpr std::int64_t kSize = 1000, kBytes = kSize * sizeof(float);
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer y(b, DType::f32, kSize);
    Stream stream;
    b.streams.create(&stream);
    for (int i = 0; i < 3; ++i) {
      void* block = nullptr;
      b.memory.allocate(kBytes, &block);
      const View x = view_of(static_cast<float*>(block), kSize);
      b.memory.fill(stream, i, x);
      b.memory.copy(stream, x, y);
      b.memory.release(stream, kBytes, block);
      b.streams.synchronize(stream);
      CHECK(y.read() == std::vector<double>(kSize, i));
    }
    b.streams.destroy(stream);
  }
}

TEST_CASE("memory.available: a part of the whole") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    std::int64_t free = -1, total = -1;
    b.memory.available(&free, &total);
    CHECK(free > 0);
    CHECK(free < total);
    CHECK(total > 1 << 28);  // bytes, not pages or kilobytes
  }
}

TEST_CASE("memory.allocate_pinned: aligned to 64, for the host to write, also of 0 bytes") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    for (std::int64_t bytes : {0, 1, 65, (1 << 20) + 1}) {
      void* data = nullptr;
      b.memory.allocate_pinned(bytes, &data);
      CHECK(data != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
      std::memset(data, 1, static_cast<std::size_t>(bytes));
      b.memory.release_pinned(bytes, data);
    }
    void* data = nullptr;
    CHECK_THROWS_AS(b.memory.allocate_pinned(-1, &data), Error);
  }
}

TEST_CASE("memory: every copy refuses unequal size and dtype") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    const DeviceBuffer x(b, DType::f32, 4);
    float numbers[4] = {};
    const View shorter = view_of(numbers, 3), other = {numbers, DType::i32, 4};
    for (const View& host : {shorter, other}) {
      CHECK_THROWS_AS(b.memory.copy_from_host({}, host, x), Error);
      CHECK_THROWS_AS(b.memory.copy_to_host({}, x, host), Error);
      CHECK_THROWS_AS(b.memory.copy_from_pinned({}, host, x), Error);
      CHECK_THROWS_AS(b.memory.copy_to_pinned({}, x, host), Error);
    }
  }
}

TEST_CASE("memory.copy and fill, every dtype") {
  for (const Backend& b : tested_backends()) {
    CAPTURE(std::string(b.name));
    for (DType dtype : {DType::f32, DType::f64, DType::i32, DType::u8, DType::bf16}) {
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

TEST_CASE("memory.fill refuses what an integer dtype does not hold") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const Backend& b : tested_backends()) {
    if (!b.memory.fill) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer i32(b, DType::i32, 3), u8(b, DType::u8, 3);
    for (const double value : {-0.6, 255.6, 1e20, -inf, inf, std::nan("")}) {
      CHECK_THROWS_AS(b.memory.fill({}, value, u8), Error);
    }
    CHECK_THROWS_WITH_AS(b.memory.fill({}, 2147483648.0, i32),
                         "memory.fill: 2.14748e+09 does not fit into i32", Error);
    CHECK_THROWS_AS(b.memory.fill({}, -2147483648.6, i32), Error);
    CHECK(u8.read() == std::vector<double>(3, 123));  // as it was made
    b.memory.fill({}, 255.4, u8);
    b.memory.fill({}, -2147483648.0, i32);
    CHECK(u8.read() == std::vector<double>(3, 255));
    CHECK(i32.read() == std::vector<double>(3, -2147483648.0));
  }
}

std::vector<double> cast(const Backend& b, DType from, DType to, const std::vector<double>& values,
                         std::int64_t offset = 0) {
  const DeviceBuffer x(b, from, values, offset);
  const DeviceBuffer y(b, to, static_cast<std::int64_t>(values.size()), offset);
  b.memory.cast({}, x, y);
  return y.read();
}

TEST_CASE("memory.cast: between all dtypes, numbers that both hold") {
  for_each_backend([](const Backend& b) {
    if (!b.memory.cast) return;
    std::vector<DType> dtypes = {DType::f32, DType::f64, DType::i32, DType::u8};
    if (computes_bf16(b)) dtypes.push_back(DType::bf16);
    for (const DType from : dtypes) {
      for (const DType to : dtypes) {
        for (const std::int64_t size : {0, 1, 17, 40000}) {
          INFO(concat(from, " to ", to, ", ", size));
          const std::vector<double> values = Random(1).integer_vector(size, 0, 255);
          for (const std::int64_t offset : {0, 1}) {
            CHECK((cast(b, from, to, values, offset) == values));
          }
        }
      }
    }
  });
}

TEST_CASE("memory.cast: fractions, ends of the range, infinities, NaN") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for_each_backend([&](const Backend& b) {
    if (!b.memory.cast) return;
    // 20 numbers: more than a vector of every instruction set, and a remainder.
    std::vector<double> floats = {0.9, -0.9, 2.5, -2.5, 254.5, 255.5, 256, -1,     1e20, -1e20,
                                  inf, -inf, nan, 300,  1e9,   -1e9,  0,   127.99, 128,  1};
    const std::vector<double> bytes = {0,   0, 2, 0,   254, 255, 255, 0,   255, 0,
                                       255, 0, 0, 255, 255, 0,   0,   127, 128, 1};
    const std::vector<double> words = {
        0,          0,           2, -2,  254, 255,  256, -1,  2147483647, -2147483648,
        2147483647, -2147483648, 0, 300, 1e9, -1e9, 0,   127, 128,        1};
    for (const DType from : {DType::f32, DType::f64}) {
      CAPTURE(from);
      CHECK(cast(b, from, DType::u8, floats) == bytes);
      CHECK(cast(b, from, DType::i32, floats) == words);
    }
    CHECK(cast(b, DType::f64, DType::i32, {2147483646.9, -2147483647.9, 2147483647.5}) ==
          std::vector<double>{2147483646, -2147483647, 2147483647});
    CHECK(cast(b, DType::i32, DType::u8, {-1, 256, 255, -2147483648.0, 2147483647}) ==
          std::vector<double>{0, 255, 255, 0, 255});
    // Rounded to the nearest float: 2^24 + 1 lies between two, 0.1 near none.
    CHECK(cast(b, DType::i32, DType::f32, {16777217, -3}) == std::vector<double>{16777216, -3});
    CHECK(cast(b, DType::f64, DType::f32, {0.1}) == std::vector<double>{static_cast<double>(0.1f)});
    const auto special = cast(b, DType::f64, DType::f32, {inf, -inf, nan});
    CHECK(special[0] == inf);
    CHECK(special[1] == -inf);
    CHECK(std::isnan(special[2]));
  });
}

TEST_CASE("memory.cast: bf16 is rounded to the nearest, ties to even, and widened exactly") {
  const double inf = std::numeric_limits<double>::infinity(), step = 0x1p-7;  // from 1 to 2
  for_each_backend([&](const Backend& b) {
    if (!b.memory.cast || !computes_bf16(b)) return;
    const std::vector<double> floats = {1 + step / 2,
                                        1 + 3 * step / 2,
                                        -1 - step / 2,
                                        1 + step / 2 + 1e-6,
                                        0x1.fep127,
                                        0x1.ffp127,
                                        -static_cast<double>(1e-40f),
                                        0,
                                        inf};
    const std::vector<double> rounded = {1,   1 + 2 * step, -1, 1 + step, 0x1.fep127,
                                         inf, -0x1p-133,    0,  inf};
    CHECK(cast(b, DType::f32, DType::bf16, floats) == rounded);
    CHECK(cast(b, DType::bf16, DType::f32, rounded) == rounded);
    CHECK(cast(b, DType::bf16, DType::i32, {2.5, -2.5, 1e20, -inf, 255}) ==
          std::vector<double>{2, -2, 2147483647, -2147483648.0, 255});
    CHECK(std::isnan(cast(b, DType::f32, DType::bf16, {std::nan("")})[0]));
    const DeviceBuffer y(b, DType::bf16, 9);
    b.memory.fill({}, 0.1, y);
    CHECK(y.read() == std::vector<double>(9, static_cast<double>(BFloat16(0.1f))));
  });
}

TEST_CASE("memory.cast: refuses unequal sizes; same bits for every thread count") {
  for (const Backend& b : tested_backends()) {
    if (!b.memory.cast) continue;
    const DeviceBuffer x(b, DType::f32, 4), shorter(b, DType::u8, 3);
    CHECK_THROWS_AS(b.memory.cast({}, x, shorter), Error);
  }
  const auto values = Random(2).uniform_vector(50000, -300, 300);
  check_same_for_all_thread_counts(
      [&] { return cast(cpu_backend(), DType::f32, DType::u8, values); });
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
