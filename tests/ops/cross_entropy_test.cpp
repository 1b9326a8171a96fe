// cross_entropy: gradients, devices, known values, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

Tensor labels_on(const std::vector<std::int32_t>& labels, Device device) {
  return Tensor::from(labels, {static_cast<std::int64_t>(labels.size())}, DType::i32, device);
}

OpCase entropy_case(std::int64_t rows, std::int64_t classes) {
  Random random(static_cast<std::uint64_t>(rows * 1009 + classes));
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < rows; ++i) {
    labels.push_back(static_cast<std::int32_t>(random.integer(0, classes - 1)));
  }
  const double terms = static_cast<double>(classes) + 15;
  return {
      .name = concat(rows, " x ", classes),
      .inputs = {{{rows, classes}, random.uniform_vector(rows * classes, -2, 2)}},
      .op =
          [labels](const auto& x) { return cross_entropy(x[0], labels_on(labels, x[0].device())); },
      .y_terms = terms + static_cast<double>(rows),
      .gradient_terms = {terms}};
}

std::vector<OpCase> cases() {
  return {entropy_case(1, 2), entropy_case(3, 5), entropy_case(7, 17), entropy_case(12, 3)};
}

TEST_CASE("cross_entropy: gradient") { check_gradients("cross_entropy", cases()); }

TEST_CASE("cross_entropy: every device") {
  std::vector<OpCase> list = cases();
  list.push_back(entropy_case(32, 1000));
  check_devices("cross_entropy", list);
}

TEST_CASE("cross_entropy: equal logits cost log(classes), and the gradient is exact") {
  EveryDevice every("cross_entropy");
  every.run([](Device device) {
    const Tensor logits = Tensor::full({2, 4}, 3, DType::f32, device).set_requires_grad();
    const Tensor loss = cross_entropy(logits, labels_on({1, 3}, device));
    CHECK(loss.shape() == Shape{1});
    CHECK(std::abs(loss.item() - std::log(4)) <= f32_sum_bound(4) * std::log(4));
    backward(loss);
    // (softmax - one hot) / rows
    check_close(logits.grad().to_vector<double>(),
                {0.125, -0.375, 0.125, 0.125, 0.125, 0.125, 0.125, -0.375}, f32_sum_bound(8), "dx");
  });
}

TEST_CASE("cross_entropy: errors") {
  const Tensor logits = zeros({2, 3});
  const auto labels = [](std::vector<std::int32_t> values) {
    return labels_on(values, Device::ref);
  };
  CHECK_ERROR(cross_entropy(zeros({3}), labels({0, 1})),
              "cross_entropy: needs logits [rows, classes], got [3]");
  CHECK_ERROR(cross_entropy(zeros({0, 3}), labels({})),
              "cross_entropy: needs logits [rows, classes], got [0, 3]");
  CHECK_ERROR(cross_entropy(logits, labels({0, 1, 2})),
              "cross_entropy: labels must have shape [2], got [3]");
  EveryDevice every("cross_entropy");
  every.run([](Device device) {
    const Tensor x = zeros({2, 3}, DType::f32, device);
    CHECK_ERROR(cross_entropy(x, labels_on({0, 3}, device)),
                "cross_entropy: label 3 is not one of 3 classes");
    CHECK_ERROR(cross_entropy(x, labels_on({-1, 0}, device)),
                "cross_entropy: label -1 is not one of 3 classes");
  });
  CHECK_ERROR(cross_entropy(logits, zeros({2})), "cross_entropy: labels must be i32, got f64");
  CHECK_ERROR(cross_entropy(logits, labels_on({0, 1}, Device::cpu)),
              "cross_entropy: labels are on cpu, logits on ref");
  CHECK_ERROR(cross_entropy(zeros({2, 3}, DType::i32), labels({0, 1})),
              "cross_entropy: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
