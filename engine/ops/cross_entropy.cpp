// cross_entropy: loss = mean over rows of -log_p[label], log_p = log_softmax(logits)
//   d log_p = -dloss / rows at the label, else 0; then back through log_softmax
// saved: labels
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

Tensor mean_negative_log_likelihood(const Tensor& log_p, const Tensor& labels) {
  const std::int64_t columns = log_p.shape()[1];
  Tensor loss = Tensor::empty({1}, log_p.dtype(), log_p.device());
  loss.backend().cross_entropy.forward(loss.stream(), columns, log_p.readable(), labels.readable(),
                                       loss.writable());
  return record("cross_entropy", loss, {log_p},
                [shape = log_p.shape(), labels = Saved("cross_entropy", labels)](
                    const Tensor& dloss, const Needs&) {
                  Tensor d = Tensor::empty(shape, dloss.dtype(), dloss.device());
                  d.backend().cross_entropy.backward(d.stream(), shape[1], labels.get().readable(),
                                                     dloss.readable(), d.writable());
                  return Gradients{d};
                });
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
  check_float("cross_entropy", logits);
  check(logits.rank() == 2 && logits.shape()[0] > 0,
        "cross_entropy: needs logits [rows, classes], got ", logits.shape());
  check(labels.dtype() == DType::i32, "cross_entropy: labels must be i32, got ", labels.dtype());
  check(labels.device() == logits.device(), "cross_entropy: labels are on ", labels.device(),
        ", logits on ", logits.device());
  check_shape("cross_entropy", "labels", labels, {logits.shape()[0]});
  for (const std::int32_t label : labels.to_vector<std::int32_t>()) {
    check(0 <= label && label < logits.shape()[1], "cross_entropy: label ", label,
          " is not one of ", logits.shape()[1], " classes");
  }
  return mean_negative_log_likelihood(log_softmax(logits), labels);
}

}  // namespace tl
