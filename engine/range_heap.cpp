#include "engine/range_heap.h"

#include <algorithm>
#include <iterator>

#include "kernels/error.h"

namespace tl {

void* RangeHeap::allocate(std::int64_t bytes, const NewRegion& new_region) {
  auto best = free_by_size_.lower_bound({bytes, nullptr});
  if (best == free_by_size_.end()) {
    add_region(bytes, new_region);
    best = free_by_size_.lower_bound({bytes, nullptr});
  }
  const auto [size, begin] = *best;
  remove_free(free_.find(begin));
  if (size > bytes) add_free(begin + bytes, size - bytes);
  auto& [region, fill] = *std::prev(regions_.upper_bound(begin));
  fill.used = std::max(fill.used, begin + bytes - region);
  in_use_ += bytes;
  return begin;
}

void RangeHeap::add_region(std::int64_t bytes, const NewRegion& new_region) {
  for (const std::int64_t wanted : {kRegionBytes, kSmallRegionBytes, bytes}) {
    const std::int64_t size = std::max(bytes, wanted);
    void* region = nullptr;
    try {
      region = new_region(size);
    } catch (const Error&) {
      if (size == bytes) throw;
      continue;
    }
    auto* const begin = static_cast<std::byte*>(region);
    regions_.insert({begin, {.bytes = size}});
    return add_free(begin, size);
  }
}

void RangeHeap::release(void* block, std::int64_t bytes) {
  auto* begin = static_cast<std::byte*>(block);
  in_use_ -= bytes;
  const auto next = free_.lower_bound(begin);
  if (next != free_.begin() && !regions_.contains(begin)) {
    if (const auto [before, size] = *std::prev(next); before + size == begin) {
      begin = before;
      bytes += size;
      remove_free(std::prev(next));
    }
  }
  if (next != free_.end() && next->first == begin + bytes && !regions_.contains(next->first)) {
    bytes += next->second;
    remove_free(next);
  }
  add_free(begin, bytes);
}

std::int64_t RangeHeap::kept_bytes() const {
  std::int64_t used = 0;
  for (const auto& [begin, region] : regions_) used += region.used;
  return used - in_use_;
}

void RangeHeap::give_back(const OldRegion& old_region) {
  for (auto region = regions_.begin(); region != regions_.end();) {
    const auto range = free_.find(region->first);
    const std::int64_t bytes = region->second.bytes;
    if (range == free_.end() || range->second != bytes) {
      ++region;
      continue;
    }
    remove_free(range);
    old_region(region->first, bytes);
    region = regions_.erase(region);
  }
}

void RangeHeap::add_free(std::byte* begin, std::int64_t bytes) {
  free_[begin] = bytes;
  free_by_size_.insert({bytes, begin});
}

void RangeHeap::remove_free(std::map<std::byte*, std::int64_t>::iterator range) {
  free_by_size_.erase({range->second, range->first});
  free_.erase(range);
}

}  // namespace tl
