// Operands of a convolution's case, and what `ref` makes of them.
#pragma once

#include <memory>

#include "apps/bench/buffer.h"
#include "apps/bench/reference.h"
#include "apps/bench/yardsticks/yardstick.h"

namespace tl {

/// y stands for dy, x and w for dx and dw where a pass writes them. The residual is one for all.
struct Conv2dBuffers {
  std::shared_ptr<Buffers> x, w, y;
  std::shared_ptr<Buffer> bias, residual;
};
Conv2dBuffers conv2d_buffers(const Backend& b, const Conv2dProblem& p, int copies);

/// A part of the result of one pass on copy 0: some pictures of y or dx, or some output channels of
/// dw.
class Conv2dReference {
 public:
  Conv2dReference(const Backend& b, Conv2dPass pass, const Conv2dProblem& p,
                  const Conv2dBuffers& buffers);

  double error(const std::vector<float>& output) const;

 private:
  std::int64_t size_;                // elements of a part
  std::vector<std::int64_t> parts_;  // which
  std::vector<Doubles> truth_;       // in their order
};

}  // namespace tl
