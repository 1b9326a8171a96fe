// ReducePlan: how a reduction is cut into tasks: by shape only. And the buffers it works on.
//
// The columns [0, inner) of every o are cut into blocks, the rows [0, count) into pieces of about
// one chunk. Pieces are reduced each on its own and combined in order: a sum is then off by no more
// than its pieces' rounding and that of a few additions on top. Whether one task goes through all
// pieces of its block, or every piece is a task (tall, narrow matrices have few blocks), does not
// change the arithmetic.
#pragma once

#include "kernels/cpu/ranges.h"
#include "kernels/reduce.h"

namespace tl::cpu {

struct ReducePlan {
  static constexpr std::int64_t kBlock = 512;       ///< columns: with positions, 4 KB
  static constexpr std::int64_t kEnoughTasks = 32;  ///< that nobody waits long for the last one

  explicit ReducePlan(const ReduceProblem& p)
      : block(std::clamp<std::int64_t>(p.inner, 1, kBlock)),
        blocks(chunks_of(p.inner, block)),
        piece_rows(std::max<std::int64_t>(1, kChunk / block)),
        pieces(chunks_of(p.count, piece_rows)),
        split(pieces > 1 && p.outer * blocks < kEnoughTasks) {}

  std::int64_t block, blocks;       ///< columns of a block; blocks per o
  std::int64_t piece_rows, pieces;  ///< rows of a piece; pieces per o
  bool split;                       ///< pieces are tasks; their results go through the workspace
};

/// Results so far, one per column, and the rows at which they are; without positions that is
/// absent.
struct ReduceResults {
  float* value;
  std::int32_t* position;
};

struct ReduceBuffers {
  const float* x;
  ReduceResults y;
  ReduceResults pieces;  ///< [outer, pieces, inner], if the plan is split
};

}  // namespace tl::cpu
