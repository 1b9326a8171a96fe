// dropout: y = x / (1 - rate) where kept, else 0 (which is kept: kernels/dropout.h)
//   dx = dy / (1 - rate) where kept, else 0
// saved: nothing: the mask is drawn again from the same stream. In captured work each run draws
// from a stream of its own, whose number lies in device memory.
#include "engine/captured_step.h"
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/upload.h"

namespace tl {
namespace {

/// The Philox stream of one call of the op.
struct Draw {
  DropoutProblem problem;
  Tensor number;  ///< of the stream, where it changes from run to run

  Draw(double rate, Generator& random, Device device) : problem{.rate = rate} {
    if (!is_capturing()) {
      const Generator::Stream stream = random.next_stream();
      problem.seed = stream.seed;
      problem.call = stream.number;
      return;
    }
    problem.seed = random.seed();
    {
      const OutsideCapture outside;
      number = Tensor::empty({sizeof(std::uint64_t)}, DType::u8, device);
    }
    problem.call_offset = static_cast<const std::uint64_t*>(number.readable().data);
    const auto upload = std::make_shared<Upload>(device);
    host_part([&random, number = number, upload] {
      const std::uint64_t next = random.next_stream().number;
      upload->write(&next, sizeof(next), number);
    });
  }

  Tensor apply(const Tensor& x) const {
    Tensor y = Tensor::empty_like(x);
    y.backend().dropout.run(y.stream(), problem, x.readable(), y.writable());
    return y;
  }
};

}  // namespace

Tensor dropout(const Tensor& x, double rate, Generator& random, bool training) {
  check_float("dropout", x);
  check(rate >= 0 && rate <= 1, "dropout: rate ", rate, " is not within [0, 1]");
  if (!training || rate == 0) return x;
  const Draw draw(rate, random, x.device());
  return record("dropout", draw.apply(x), {x},
                [draw](const Tensor& dy, const Needs&) { return Gradients{draw.apply(dy)}; });
}

}  // namespace tl
