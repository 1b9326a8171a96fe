// AsyncCopies: what one thread has asked cp.async for and not yet waited for.
#pragma once

#include <cstddef>
#include <source_location>
#include <vector>

namespace tl::simt {

class AsyncCopies {
 public:
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes, zeros;  // zeros: written behind the bytes
    std::source_location place;
  };

  void add(const Copy& copy) { copies_.push_back(copy); }

  /// Closes the group of all copies since the last call; it may be empty.
  void commit() { ends_.push_back(copies_.size()); }

  /// Calls land(copy) for the copies of all closed groups but the last `count`, and forgets them.
  template <class F>
  void land_all_but(std::size_t count, const F& land) {
    if (ends_.size() <= count) return;
    const auto groups = static_cast<std::ptrdiff_t>(ends_.size() - count);
    const std::size_t landed = ends_[static_cast<std::size_t>(groups) - 1];
    for (std::size_t i = 0; i < landed; ++i) land(copies_[i]);
    copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(landed));
    ends_.erase(ends_.begin(), ends_.begin() + groups);
    for (std::size_t& end : ends_) end -= landed;
  }

  void clear() {
    copies_.clear();
    ends_.clear();
  }

 private:
  std::vector<Copy> copies_;
  std::vector<std::size_t> ends_;  // of the closed groups, in copies_
};

}  // namespace tl::simt
