// The caching allocator: reuse, counting, exact builds.
#include "engine/allocator.h"

#include <cmath>
#include <cstring>
#include <string>

#include "engine/stream.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

#ifdef TL_EXACT_ALLOCATION
constexpr bool kExact = true;
#else
constexpr bool kExact = false;
#endif

TEST_CASE("allocator: a block that came back is handed out again") {
  if (kExact) return;
  for (const Device device : devices()) {
    INFO(concat(device));
    const Block first = allocate(device, 1000);
    release(device, first);
    const Block second = allocate(device, 990);  // about the same size
    CHECK(second.data == first.data);
    const Block third = allocate(device, 1000);
    CHECK(third.data != second.data);
    release(device, second);
    release(device, third);
  }
}

TEST_CASE("allocator: current, peak and kept bytes are counted") {
  for (const Device device : devices()) {
    INFO(concat(device));
    const MemorySpace space = memory_space(device);
    release_cached_memory(space);
    const MemoryStats start = memory_stats(space);
    CHECK(start.cached == 0);
    reset_peak(space);
    CHECK(memory_stats(space).peak == start.current);
    {
      const Tensor a = Tensor::empty({1 << 16}, DType::f32, device);
      const Tensor b = Tensor::empty({1 << 16}, DType::f32, device);
      const MemoryStats stats = memory_stats(space);
      CHECK(stats.current == start.current + (2 << 18));
      CHECK(stats.peak == stats.current);
      CHECK(stats.cached == 0);
    }
    const MemoryStats after = memory_stats(space);
    CHECK(after.current == start.current);
    CHECK(after.peak == start.current + (2 << 18));
    CHECK(after.cached == (kExact ? 0 : 2 << 18));
    reset_peak(space);
    CHECK(memory_stats(space).peak == start.current);
    release_cached_memory(space);
    CHECK(memory_stats(space).cached == 0);
  }
}

TEST_CASE("allocator: on the host, what is kept serves blocks of any size") {
  if (kExact) return;
  // One after the other, never two at once: what was needed at once is the largest of them. They
  // are not touched, so they take no memory.
  release_cached_memory(MemorySpace::host);
  const std::int64_t kept = memory_stats(MemorySpace::host).cached;
  constexpr std::int64_t kMega = 1 << 20;
  for (std::int64_t size = 128; size <= 240; size += 16) {
    release(Device::cpu, allocate(Device::cpu, size * kMega));
  }
  CHECK(memory_stats(MemorySpace::host).cached <= kept + 240 * kMega);  // all of them: 1472
  release_cached_memory(MemorySpace::host);
  CHECK(memory_stats(MemorySpace::host).cached <= kept);
}

TEST_CASE("allocator: no block wastes more than an eighth") {
  if (kExact) return;
  for (std::int64_t bytes = 1; bytes < (1 << 20); bytes += 1 + bytes / 7) {
    const auto before = memory_stats(MemorySpace::host).current;
    const Block block = allocate(Device::ref, bytes);
    const auto taken = memory_stats(MemorySpace::host).current - before;
    INFO(bytes, " took ", taken);
    CHECK(taken >= bytes);
    CHECK(taken <= std::max<std::int64_t>(bytes + bytes / 8, bytes + 64));
    CHECK(reinterpret_cast<std::uintptr_t>(block.data) % 64 == 0);
    std::memset(block.data, 1, static_cast<std::size_t>(bytes));
    release(Device::ref, block);
    CHECK(memory_stats(MemorySpace::host).current == before);
  }
  release_cached_memory(MemorySpace::host);
}

TEST_CASE("allocator: exact builds fill fresh blocks with NaN") {
  if (!kExact) return;
  for (const Device device : devices()) {
    const Tensor x = Tensor::empty({100}, DType::f32, device);
    for (const float v : x.to_vector<float>()) CHECK(std::isnan(v));
  }
}

TEST_CASE("allocator: a device that is full gets its kept blocks back first, then says so") {
  static int requests;
  requests = 0;
  Backend full = backend(Device::ref);
  full.memory.allocate = [](std::int64_t bytes, void**) {
    ++requests;
    throw Error(concat("no block of ", bytes, " bytes"));
  };
  const auto before = memory_stats(MemorySpace::host).current;
  {
    ScopedBackend scoped(Device::ref, full);
    // Regions of two sizes, then just the block; once more after what was kept went back.
    std::string text;
    try {
      allocate(Device::ref, 12345678);
    } catch (const Error& error) {
      text = error.what();
    }
    CHECK_MESSAGE(text.starts_with("ref: out of memory: 12 MB asked for, 0 MB in use"), text);
    CHECK_MESSAGE(text.find(" by tensors, 0 MB kept for reuse, ") != text.npos, text);
    CHECK_MESSAGE(
        text.find("; smaller batches or smaller pictures need less (no block of 12") != text.npos,
        text);
  }
  CHECK(requests == (kExact ? 2 : 6));
  CHECK(memory_stats(MemorySpace::host).current == before);
  CHECK(memory_stats(MemorySpace::host).cached == 0);
}

TEST_CASE("allocator: the host is not asked for more than it has") {
  if (kExact) return;
  std::int64_t free = 0, total = 0;
  backend(Device::cpu).memory.available(&free, &total);
  // Two of these are too much. The first is not touched, so it takes no memory.
  const std::int64_t most = total / 8 * 5 / 64 * 64;
  const Block first = allocate(Device::cpu, most);
  CHECK_THROWS_WITH_AS(allocate(Device::cpu, most), doctest::Contains("cpu: out of memory: "),
                       Error);
  release(Device::cpu, first);
  release(Device::cpu, allocate(Device::cpu, most));
  release_cached_memory(MemorySpace::host);
}

TEST_CASE("allocator: a block goes back to its stream, and from there to no other") {
  if (kExact) return;
  for (const Device device : devices()) {
    if (memory_space(device) == MemorySpace::host) continue;
    INFO(concat(device));
    release_cached_memory(memory_space(device));
    Block block;
    {
      const WorkStream stream(device);
      {
        const StreamScope scope(stream);
        block = allocate(device, 5000);
        CHECK(block.stream.handle == stream.get().handle);
      }
      release(device, block);  // by whoever is on another stream
      const Block other = allocate(device, 5000);
      CHECK(other.data != block.data);
      release(device, other);
      const StreamScope scope(stream);
      const Block again = allocate(device, 5000);
      CHECK(again.data == block.data);
      release(device, again);
    }
    // Its work is done: what it kept is everybody's.
    const Block first = allocate(device, 5000), second = allocate(device, 5000);
    CHECK((first.data == block.data || second.data == block.data));
    release(device, first);
    release(device, second);
  }
}

TEST_CASE("allocator: a pool keeps what comes back while it is in force, until it is gone") {
  if (kExact) return;
  for (const Device device : devices()) {
    INFO(concat(device));
    const MemorySpace space = memory_space(device);
    release_cached_memory(space);
    const Block outside = allocate(device, 7000);
    auto pool = std::make_shared<MemoryPool>(device);
    Block inside;
    {
      const PoolScope scope(device, pool);
      inside = allocate(device, 7000);
      CHECK(inside.data != outside.data);
      release(device, outside);  // captured work may have used it
      const Block reused = allocate(device, 7000);
      CHECK(reused.data == outside.data);
      release(device, reused);
      {
        const PoolScope none(device, nullptr);
        const Block other = allocate(device, 7000);
        CHECK(other.data != outside.data);
        release(device, other);
      }
    }
    release(device, inside);
    CHECK(inside.pool == pool);
    const std::int64_t kept = memory_stats(space).cached;
    release_cached_memory(space);
    CHECK(memory_stats(space).cached == kept / 3 * 2);  // of three blocks two are the pool's
    const Block other = allocate(device, 7000);
    CHECK(other.data != inside.data);
    CHECK(other.data != outside.data);
    release(device, other);
    release_cached_memory(space);
    inside.pool = nullptr;
    pool = nullptr;
    CHECK(memory_stats(space).cached == 0);
  }
}

}  // namespace
}  // namespace tl::test
