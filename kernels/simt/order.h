// ThreadOrder, Schedule: in which order the threads of a block, and the blocks of a grid, run.
//
// On a GPU nothing is promised about it, so a kernel whose result depends on the order is wrong.
// Forward and reverse together run every pair of threads between two barriers both ways round,
// which shows a missing barrier as a different result.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace tl::simt {

struct ThreadOrder {
  enum Kind { forward, reverse, random };
  Kind kind = forward;
  std::uint32_t seed = 1;  ///< of `random`
};

/// Reads "forward", "reverse", "random" or "random:SEED"; throws for anything else.
ThreadOrder parse_order(std::string_view text);

/// The order of the launches to come: at the start what TL_SIMT_ORDER says, else forward.
ThreadOrder thread_order();
void set_thread_order(ThreadOrder order);

/// The orders of one launch. The same seed gives the same orders on every platform.
class Schedule {
 public:
  explicit Schedule(ThreadOrder order) : order_(order), random_(order.seed) {}

  /// Sets ids to 0 ... count - 1, forward or reversed.
  void list(std::vector<std::uint16_t>& ids, int count) const;

  /// Called before each stretch up to the next barrier: a new permutation, if the order is random.
  void shuffle(std::vector<std::uint16_t>& ids);

  /// Prepares block_at for a grid of `blocks`.
  void start_grid(std::uint64_t blocks);

  /// The block that runs as number `position`.
  std::uint64_t block_at(std::uint64_t position) const;

 private:
  ThreadOrder order_;
  std::mt19937 random_;
  std::uint64_t blocks_ = 1, first_ = 0, step_ = 1;
};

}  // namespace tl::simt
