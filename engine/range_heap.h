// RangeHeap: large blocks cut out of few large regions of host memory. A block that comes back is
// joined with what is free beside it and cut anew, whatever sizes are asked for next: so a training
// step after the first touches no page that it has not touched before, and needs hardly more memory
// than the tensors that live at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace tl {

/// Not thread-safe.
class RangeHeap {
 public:
  /// Asks for a region, or throws. Regions are larger than what is needed at first: they should
  /// take memory only where they are touched.
  using NewRegion = std::function<void*(std::int64_t bytes)>;
  using OldRegion = std::function<void(void* region, std::int64_t bytes)>;

  /// So large that there is hardly ever a second one, whose blocks could not join the first one's.
  static constexpr std::int64_t kRegionBytes = std::int64_t{1} << 36;
  /// Where the system has none that large, because this process may not have so many addresses:
  /// others in it want some too.
  static constexpr std::int64_t kSmallRegionBytes = std::int64_t{1} << 28;

  /// Of the free ranges that are large enough the smallest, of these the first. `bytes` is a
  /// multiple of 64, and more than 0; so is the address. Without such a range, a new region: of
  /// kRegionBytes, else of kSmallRegionBytes, else of `bytes`, and of `bytes` at least.
  void* allocate(std::int64_t bytes, const NewRegion& new_region);
  /// `bytes` as asked for.
  void release(void* block, std::int64_t bytes);

  /// Bytes that were in use once and are not now.
  std::int64_t kept_bytes() const;
  /// Regions in which nothing is in use go.
  void give_back(const OldRegion& old_region);

 private:
  struct Region {
    std::int64_t bytes;
    std::int64_t used = 0;  // from its beginning: the rest was never handed out
  };

  void add_region(std::int64_t bytes, const NewRegion& new_region);
  void add_free(std::byte* begin, std::int64_t bytes);
  void remove_free(std::map<std::byte*, std::int64_t>::iterator range);

  std::map<std::byte*, Region> regions_;
  std::map<std::byte*, std::int64_t> free_;  // joined: no two lie side by side within a region
  std::set<std::pair<std::int64_t, std::byte*>> free_by_size_;
  std::int64_t in_use_ = 0;
};

}  // namespace tl
