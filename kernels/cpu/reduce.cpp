// reduce: a piece of rows of a block of columns (reduce_plan.h) is reduced into an array in the
// first-level cache, row by row, so that x is read in the order of memory. Where rows are short,
// down to one number, several side by side are taken for one long row, and the array is folded in
// halves afterwards; vector lanes are columns throughout.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reduce.cpp"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <bit>
#include <numeric>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"
#include "kernels/cpu/reduce_plan.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kLongRow = 128;  // some vectors of any width: none waits for the one before

/// mine.value[t] = itself or value[t], whichever is larger (smaller), or their sum; value[t] is at
/// position first + position[t]. Of equals the one with the smaller position is kept.
template <ReduceOp kOp, bool kPositions>
HWY_INLINE void combine(std::int64_t size, ReduceResults mine, const float* value,
                        const std::int32_t* position, std::int64_t first) {
  for_each_vector({0, size}, [=](auto d, std::int64_t t) {
    const auto old = hn::LoadU(d, mine.value + t), x = hn::LoadU(d, value + t);
    if constexpr (kOp == ReduceOp::sum) {
      hn::StoreU(hn::Add(old, x), d, mine.value + t);
    } else {
      const auto beats = [](auto u, auto v) {  // NaN beats any number
        const auto more = kOp == ReduceOp::max ? hn::Gt(u, v) : hn::Lt(u, v);
        return hn::Or(more, hn::AndNot(hn::IsNaN(v), hn::IsNaN(u)));
      };
      auto take = beats(x, old);
      if constexpr (kPositions) {
        const hn::RebindToSigned<decltype(d)> di;
        const auto old_at = hn::LoadU(di, mine.position + t);
        const auto x_at =
            hn::Add(hn::Set(di, static_cast<std::int32_t>(first)), hn::LoadU(di, position + t));
        const auto earlier = hn::RebindMask(d, hn::Lt(x_at, old_at));
        take = hn::Or(take, hn::AndNot(beats(old, x), earlier));
        hn::StoreU(hn::IfThenElse(hn::RebindMask(di, take), x_at, old_at), di, mine.position + t);
      }
      hn::StoreU(hn::IfThenElse(take, x, old), d, mine.value + t);
    }
  });
}

/// The rows of one piece to one row of results. Row r begins at x + r * inner; `width` columns.
template <ReduceOp kOp, bool kPositions>
void reduce_piece(const float* x, Range rows, std::int64_t inner, std::int64_t width,
                  ReduceResults y) {
  std::int64_t side = 1;  // rows that are taken for one; their columns are contiguous then
  if (width == inner) {
    const std::int64_t fitting = std::min(rows.size(), kLongRow / width);
    if (fitting > 1)
      side = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(fitting)));
  }
  const std::int64_t wide = side * width;
  std::int32_t ahead[ReducePlan::kBlock];  // of the first of those rows
  if constexpr (kPositions) {
    for (std::int64_t t = 0; t < wide; ++t) ahead[t] = static_cast<std::int32_t>(t / width);
    for (std::int64_t t = 0; t < wide; ++t) {
      y.position[t] = static_cast<std::int32_t>(rows.begin) + ahead[t];
    }
  }
  std::copy_n(x + rows.begin * inner, wide, y.value);
  std::int64_t r = rows.begin + side;
  for (; r + side <= rows.end; r += side) {
    combine<kOp, kPositions>(wide, y, x + r * inner, ahead, r);
  }
  if (r < rows.end) {
    combine<kOp, kPositions>((rows.end - r) * width, y, x + r * inner, ahead, r);
  }
  for (std::int64_t half = wide / 2; half >= width; half /= 2) {
    combine<kOp, kPositions>(half, y, y.value + half, kPositions ? y.position + half : nullptr, 0);
  }
}

template <ReduceOp kOp, bool kPositions>
void reduce_as(const ReduceProblem& p, const ReduceBuffers& b) {
  const ReducePlan plan(p);
  const auto store = [](const ReduceResults& from, std::int64_t size, const ReduceResults& to,
                        std::int64_t offset) {
    std::copy_n(from.value, size, to.value + offset);
    if constexpr (kPositions) std::copy_n(from.position, size, to.position + offset);
  };
  const std::int64_t tasks = p.outer * plan.blocks * (plan.split ? plan.pieces : 1);
  const std::int64_t task_size = plan.block * (plan.split ? plan.piece_rows : p.count);
  parallel_ranges(tasks, rows_per_chunk(task_size), [=, &p](Range range) {
    float values[2][ReducePlan::kBlock];
    std::int32_t positions[2][ReducePlan::kBlock];
    const ReduceResults total{values[0], positions[0]}, next{values[1], positions[1]};
    for (std::int64_t task = range.begin; task < range.end; ++task) {
      const Range columns = chunk_range(p.inner, plan.block, task % plan.blocks);
      const std::int64_t strip = task / plan.blocks;  // o, or a piece of an o
      const std::int64_t o = plan.split ? strip / plan.pieces : strip;
      const float* x = b.x + o * p.count * p.inner + columns.begin;
      const auto piece = [&](std::int64_t i, ReduceResults to) {
        reduce_piece<kOp, kPositions>(x, chunk_range(p.count, plan.piece_rows, i), p.inner,
                                      columns.size(), to);
      };
      if (plan.split) {
        piece(strip % plan.pieces, total);
      } else {
        piece(0, total);
        for (std::int64_t i = 1; i < plan.pieces; ++i) {
          piece(i, next);
          combine<kOp, kPositions>(columns.size(), total, next.value, next.position, 0);
        }
      }
      store(total, columns.size(), plan.split ? b.pieces : b.y, strip * p.inner + columns.begin);
    }
  });
  if (!plan.split) return;
  parallel_for(p.outer, [=, &p](std::int64_t o, int) {
    const std::int64_t first = o * plan.pieces * p.inner;
    const auto at = [](const ReduceResults& r, std::int64_t offset) {
      return ReduceResults{r.value + offset, kPositions ? r.position + offset : nullptr};
    };
    const ReduceResults y = at(b.y, o * p.inner);
    store(at(b.pieces, first), p.inner, y, 0);
    for (std::int64_t i = 1; i < plan.pieces; ++i) {
      const ReduceResults next = at(b.pieces, first + i * p.inner);
      combine<kOp, kPositions>(p.inner, y, next.value, next.position, 0);
    }
  });
}

void reduce(const ReduceProblem& p, const ReduceBuffers& b) {
  switch (p.op) {
    case ReduceOp::sum:
      return reduce_as<ReduceOp::sum, false>(p, b);
    case ReduceOp::max:
      return p.positions ? reduce_as<ReduceOp::max, true>(p, b)
                         : reduce_as<ReduceOp::max, false>(p, b);
    case ReduceOp::min:
      return p.positions ? reduce_as<ReduceOp::min, true>(p, b)
                         : reduce_as<ReduceOp::min, false>(p, b);
  }
}

void scatter(const ReduceProblem& p, const float* dy, const std::int32_t* position, float* dx) {
  parallel_vectors(p.x_size(), [=](auto d, std::int64_t i) { hn::StoreU(hn::Zero(d), d, dx + i); });
  parallel_ranges(p.y_size(), kChunk, [=, &p](Range range) {
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      dx[(i / p.inner * p.count + position[i]) * p.inner + i % p.inner] = dy[i];
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(reduce);
HWY_EXPORT(scatter);

bool supports(const ReduceProblem& p) { return p.dtype == DType::f32; }

/// Elements of the results of all pieces.
std::int64_t pieces_size(const ReduceProblem& p) {
  const ReducePlan plan(p);
  return plan.split ? p.outer * plan.pieces * p.inner : 0;
}

std::int64_t workspace_bytes(const ReduceProblem& p) {
  return pieces_size(p) * (p.positions ? 8 : 4);
}

void run(Stream, const ReduceProblem& p, const ReduceArgs& args) {
  if (p.y_size() == 0) return;
  float* y = floats("reduce", args.y);
  if (p.count == 0) {
    check(p.op == ReduceOp::sum, "reduce: ", p, ": nothing has no largest or smallest element");
    std::fill_n(y, p.y_size(), 0.0f);
    return;
  }
  auto* pieces = static_cast<float*>(args.workspace.data);
  ReduceBuffers b{.x = floats("reduce", args.x), .y = {y, nullptr}, .pieces = {pieces, nullptr}};
  if (p.positions) {
    b.y.position = args.position.as<std::int32_t>();
    if (pieces) b.pieces.position = reinterpret_cast<std::int32_t*>(pieces + pieces_size(p));
  }
  HWY_DYNAMIC_DISPATCH(reduce)(p, b);
}

void run_scatter(Stream, const ReduceProblem& p, ConstView dy, ConstView position, View dx) {
  const char* op = "reduce.scatter";
  HWY_DYNAMIC_DISPATCH(scatter)
  (p, floats(op, dy), position.as<std::int32_t>(), floats(op, dx));
}

}  // namespace

void install_reduce(Backend& b) {
  b.reduce.run.add(
      {.name = "pieces", .supports = supports, .workspace_bytes = workspace_bytes, .run = run});
  b.reduce.scatter = run_scatter;
}

}  // namespace tl::cpu
#endif
