// Plan: the steps of a compiled network, and the order of the work on a batch.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace tl {

/// Steps in order: value 0 is the input, value i + 1 the result of step i.
///
/// On cpu, threads share out a large batch by pictures: each takes one, or a few, through several
/// steps in a row, so that what a step writes is still in the thread's cache when the next one
/// reads it, and nobody waits for anybody in between. Steps on few pixels, a small batch, and a
/// plan that a profile watches, run on all pictures, and the threads share the work of each step.
/// The result is the same, bit for bit.
class Plan {
 public:
  /// Computes the rows of `y` from those of the inputs; without a `y`, makes it, in memory of its
  /// own.
  using Compute = std::function<void(const std::vector<const Tensor*>& inputs, Tensor& y)>;
  struct Step {
    Shape shape;  ///< of the result
    std::vector<int> inputs;
    int overwritten;        ///< an input whose memory y takes where nothing reads it later; 0: none
    std::int64_t pictures;  ///< how many a thread takes at once
    Compute compute;
  };

  Plan(std::vector<Step> steps, int output);

  Tensor run(const Tensor& x) const;

 private:
  using Values = std::vector<Tensor>;
  struct Steps {
    std::size_t begin, end;
  };

  bool may_overwrite(std::size_t step) const;
  void run_step(std::size_t step, Values& values) const;
  void run_by_pictures(Steps steps, Values& values) const;
  bool is_shared_by_pictures(Steps steps, const Tensor& x) const;

  std::vector<Step> steps_;
  std::vector<std::size_t> last_reader_;  ///< of each value, a step
  int output_;
};

/// How many pictures of this shape [n, h, w, c] keep a thread busy by themselves: products of fewer
/// rows would read the filter for too little. Of another rank: all of them.
std::int64_t pictures_at_once(const Shape& shape);

}  // namespace tl
