// RangeHeap: blocks do not overlap, what is free is joined, regions come and go.
#include "engine/range_heap.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "kernels/error.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

constexpr std::int64_t kRegion = RangeHeap::kRegionBytes;

/// Regions are addresses only: nobody writes to them.
struct Regions {
  std::vector<std::int64_t> sizes;
  std::int64_t limit = std::int64_t{1} << 42, taken = 0, returned = 0;
  bool side_by_side = false;

  RangeHeap::NewRegion source() {
    return [this](std::int64_t bytes) {
      if (taken + bytes > limit) throw Error("no region");
      auto* begin = reinterpret_cast<std::byte*>(std::uintptr_t{1} << 32) + taken +
                    (side_by_side ? 0 : 64 * (std::ptrdiff_t(sizes.size()) + 1));
      sizes.push_back(bytes);
      taken += bytes;
      return static_cast<void*>(begin);
    };
  }
  RangeHeap::OldRegion sink() {
    return [this](void*, std::int64_t bytes) { returned += bytes; };
  }
};

TEST_CASE("range heap: what is free is joined and cut anew") {
  RangeHeap heap;
  Regions regions;
  const auto take = [&](std::int64_t bytes) {
    return static_cast<std::byte*>(heap.allocate(bytes, regions.source()));
  };
  auto* a = take(640);
  auto* b = take(1280);
  auto* c = take(640);
  auto* d = take(64);
  CHECK(b == a + 640);
  CHECK(c == b + 1280);
  CHECK(d == c + 640);
  CHECK(heap.kept_bytes() == 0);

  heap.release(a, 640);
  heap.release(c, 640);
  CHECK(take(640) == a);  // of two equal ones the first
  heap.release(a, 640);
  CHECK(take(704) == d + 64);  // neither is large enough
  heap.release(b, 1280);       // joins three
  CHECK(heap.kept_bytes() == 2560);
  CHECK(take(2560) == a);
  CHECK(heap.kept_bytes() == 0);
  CHECK(regions.sizes == std::vector<std::int64_t>{kRegion});
}

TEST_CASE("range heap: of the free ranges the smallest that is large enough") {
  RangeHeap heap;
  Regions regions;
  std::vector<void*> blocks;
  for (const std::int64_t bytes : {640, 64, 320, 64, 192, 64})
    blocks.push_back(heap.allocate(bytes, regions.source()));
  heap.release(blocks[0], 640);
  heap.release(blocks[2], 320);
  heap.release(blocks[4], 192);
  CHECK(heap.allocate(256, regions.source()) == blocks[2]);
  CHECK(heap.allocate(64, regions.source()) == static_cast<std::byte*>(blocks[2]) + 256);
  CHECK(heap.allocate(192, regions.source()) == blocks[4]);
}

TEST_CASE("range heap: regions are added, of what is asked for at least, and go when empty") {
  RangeHeap heap;
  Regions regions;
  regions.side_by_side = true;  // what is free in two regions must not be joined
  void* first = heap.allocate(kRegion - 64, regions.source());
  void* second = heap.allocate(kRegion, regions.source());
  void* third = heap.allocate(2 * kRegion, regions.source());
  CHECK(regions.sizes == std::vector<std::int64_t>{kRegion, kRegion, 2 * kRegion});
  heap.release(second, kRegion);
  heap.release(third, 2 * kRegion);
  CHECK(heap.kept_bytes() == 3 * kRegion);
  CHECK(heap.allocate(2 * kRegion, regions.source()) == third);
  heap.give_back(regions.sink());
  CHECK(regions.returned == kRegion);
  CHECK(heap.kept_bytes() == 0);
  heap.release(first, kRegion - 64);
  heap.release(third, 2 * kRegion);
  heap.give_back(regions.sink());
  CHECK(regions.returned == regions.taken);
  CHECK(heap.allocate(64, regions.source()) != nullptr);
}

TEST_CASE("range heap: where there is no whole region, a smaller one; else an error") {
  constexpr std::int64_t kSmall = RangeHeap::kSmallRegionBytes;
  RangeHeap heap;
  Regions regions;
  regions.limit = kSmall + 4096;
  void* first = heap.allocate(4096, regions.source());
  CHECK(heap.allocate(kSmall - 4096, regions.source()) == static_cast<std::byte*>(first) + 4096);
  CHECK(heap.allocate(3008, regions.source()) != nullptr);
  CHECK(regions.sizes == std::vector<std::int64_t>{kSmall, 3008});
  CHECK_THROWS_AS(heap.allocate(1152, regions.source()), Error);
  CHECK(heap.allocate(1088, regions.source()) != nullptr);
  CHECK(heap.kept_bytes() == 0);
}

TEST_CASE("range heap: many blocks of many sizes never overlap") {
  RangeHeap heap;
  Regions regions;
  Random random(7);
  struct Live {
    std::byte* begin;
    std::int64_t bytes;
  };
  std::vector<Live> live;
  std::int64_t in_use = 0, most = 0;
  for (int step = 0; step < 3000; ++step) {
    if (live.size() < 40 && random.uniform() > -0.2) {
      const std::int64_t bytes = 64 * random.integer(1, 1000);
      auto* begin = static_cast<std::byte*>(heap.allocate(bytes, regions.source()));
      CHECK(reinterpret_cast<std::uintptr_t>(begin) % 64 == 0);
      for (const Live& other : live)
        CHECK((begin + bytes <= other.begin || other.begin + other.bytes <= begin));
      live.push_back({begin, bytes});
      in_use += bytes;
    } else if (!live.empty()) {
      const auto i = static_cast<std::size_t>(step) % live.size();
      heap.release(live[i].begin, live[i].bytes);
      in_use -= live[i].bytes;
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
    }
    most = std::max(most, in_use);
    CHECK(in_use + heap.kept_bytes() <= 2 * most);
  }
  for (const Live& block : live) heap.release(block.begin, block.bytes);
  heap.give_back(regions.sink());
  CHECK(regions.returned == regions.taken);
  CHECK(regions.taken == kRegion);
}

}  // namespace
}  // namespace tl::test
