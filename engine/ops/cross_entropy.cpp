// cross_entropy: loss = -(1 / total) * sum of k * log_p, log_p = log_softmax(logits); k is what the
// targets, the class weights and the smoothing make of each element (kernels/cross_entropy.h)
//   d log_p = -dloss * k / total; then back through log_softmax
// saved: targets, class weights, total
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

constexpr const char* kOp = "cross_entropy";

/// What the labels are is looked at where that waits for nothing; elsewhere a wrong one makes the
/// loss NaN.
void check_labels(const Tensor& logits, const Tensor& labels, std::int32_t ignore_index) {
  check_shape(kOp, "labels", labels, {logits.shape()[0]});
  if (memory_space(labels.device()) != MemorySpace::host) return;
  const std::int64_t classes = logits.shape()[1];
  for (const std::int32_t label : labels.to_vector<std::int32_t>()) {
    check((0 <= label && label < classes) || label == ignore_index, kOp, ": label ", label,
          " is not one of ", classes, " classes");
  }
}

/// The tensors behind CrossEntropyTargets.
CrossEntropyTargets views_of(const Tensor& targets, const Tensor& class_weights) {
  CrossEntropyTargets views{.labels = {}, .probabilities = {}, .weights = {}};
  (targets.dtype() == DType::i32 ? views.labels : views.probabilities) = targets.readable();
  if (class_weights) views.weights = class_weights.readable();
  return views;
}

Tensor mean_negative_log_likelihood(const Tensor& log_p, const Tensor& targets,
                                    const CrossEntropyOptions& o) {
  const CrossEntropyProblem p{.rows = log_p.shape()[0],
                              .columns = log_p.shape()[1],
                              .label_smoothing = o.label_smoothing,
                              .ignore_index = o.ignore_index};
  Tensor loss = Tensor::empty({1}, parameter_dtype(log_p.dtype()), log_p.device());
  Tensor total = Tensor::empty_like(loss);
  loss.backend().cross_entropy.forward(loss.stream(), p, views_of(targets, o.class_weights),
                                       log_p.readable(), loss.writable(), total.writable());
  return record(
      kOp, loss, {log_p},
      [p, dtype = log_p.dtype(), targets = Saved(kOp, targets),
       weighted = static_cast<bool>(o.class_weights), weights = Saved(kOp, o.class_weights),
       total = Saved(kOp, total)](const Tensor& dloss, const Needs&) {
        Tensor d = Tensor::empty({p.rows, p.columns}, dtype, dloss.device());
        d.backend().cross_entropy.backward(
            d.stream(), p, views_of(targets.get(), weighted ? weights.get() : Tensor{}),
            total.get().readable(), dloss.readable(), d.writable());
        return Gradients{d};
      });
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& o) {
  check_float(kOp, logits);
  check(logits.rank() == 2 && logits.shape()[0] > 0, kOp, ": needs logits [rows, classes], got ",
        logits.shape());
  check(0 <= o.label_smoothing && o.label_smoothing <= 1, kOp,
        ": label smoothing must be in [0, 1], got ", o.label_smoothing);
  check(targets.device() == logits.device(), kOp, ": targets are on ", targets.device(),
        ", logits on ", logits.device());
  if (targets.dtype() == DType::i32) {
    check_labels(logits, targets, o.ignore_index);
  } else {
    check(targets.dtype() == logits.dtype(), kOp, ": targets must be i32 labels or ",
          logits.dtype(), " probabilities, got ", targets.dtype());
    check_shape(kOp, "probabilities", targets, logits.shape());
    check(!will_record({targets}), kOp, ": probabilities get no gradient, but need one");
  }
  if (o.class_weights) {
    check_parameter(kOp, logits, "class_weights", o.class_weights);
    check_shape(kOp, "class_weights", o.class_weights, {logits.shape()[1]});
    check(!will_record({o.class_weights}), kOp, ": class_weights get no gradient, but need one");
  }
  return mean_negative_log_likelihood(log_softmax(logits), targets, o);
}

}  // namespace tl
