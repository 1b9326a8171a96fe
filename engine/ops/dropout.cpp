// dropout: y = x / (1 - rate) where kept, else 0 (which is kept: kernels/dropout.h)
//   dx = dy / (1 - rate) where kept, else 0
// saved: nothing: the mask is drawn again from the same stream
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

Tensor dropped(const DropoutProblem& p, const Tensor& x) {
  Tensor y = Tensor::empty_like(x);
  y.backend().dropout.run(y.stream(), p, x.readable(), y.writable());
  return y;
}

}  // namespace

Tensor dropout(const Tensor& x, double rate, Generator& random, bool training) {
  check_float("dropout", x);
  check(rate >= 0 && rate <= 1, "dropout: rate ", rate, " is not within [0, 1]");
  if (!training || rate == 0) return x;
  const Generator::Stream stream = random.next_stream();
  const DropoutProblem p{.rate = rate, .seed = stream.seed, .call = stream.number};
  return record("dropout", dropped(p, x), {x},
                [p](const Tensor& dy, const Needs&) { return Gradients{dropped(p, dy)}; });
}

}  // namespace tl
