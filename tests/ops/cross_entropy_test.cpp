// cross_entropy: gradients, devices, known values, errors.
#include "tests/support/op_case_bf16.h"
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

/// What besides the logits a case with options has.
struct Extras {
  bool soft = false, weighted = false, ignoring = false;
  double smoothing = 0;
};

OpCase entropy_case(std::int64_t rows, std::int64_t classes, const Extras& extras) {
  Random random(static_cast<std::uint64_t>(rows * 1013 + classes));
  OpCase c = entropy_case(rows, classes);
  c.name = concat(c.name, extras.soft ? ", soft" : "", extras.weighted ? ", weighted" : "",
                  extras.ignoring ? ", ignoring" : "", ", smoothing ", extras.smoothing);
  const std::vector<double> targets = extras.soft ? random.uniform_vector(rows * classes, 0, 1)
                                                  : random.integer_vector(rows, 0, classes - 1);
  const std::vector<double> weights = random.uniform_vector(classes, 0.25, 2);
  c.op = [=](const std::vector<Tensor>& x) {
    const DType dtype = x[0].dtype();
    const Device device = x[0].device();
    const Tensor given = extras.soft ? Tensor::from(targets, {rows, classes}, dtype, device)
                                     : Tensor::from(targets, {rows}, DType::i32, device);
    CrossEntropyOptions options{.label_smoothing = extras.smoothing};
    if (extras.weighted) {
      options.class_weights = Tensor::from(weights, {classes}, parameter_dtype(dtype), device);
    }
    if (extras.ignoring) options.ignore_index = static_cast<std::int32_t>(targets[0]);
    return cross_entropy(x[0], given, options);
  };
  c.y_terms += static_cast<double>(classes);
  c.gradient_terms[0] += static_cast<double>(classes) + 5;
  return c;
}

std::vector<OpCase> cross_entropy_cases() {
  std::vector<OpCase> list = {entropy_case(1, 2), entropy_case(3, 5), entropy_case(7, 17),
                              entropy_case(12, 3)};
  for (int i = 0; i < 16; ++i) {
    list.push_back(entropy_case(5 + i, 3 + i % 5,
                                {.soft = (i & 1) != 0,
                                 .weighted = (i & 2) != 0,
                                 .ignoring = (i & 4) != 0,
                                 .smoothing = (i & 8) != 0 ? 0.1 : 0.0}));
  }
  return list;
}

TEST_CASE("cross_entropy: gradient") { check_gradients("cross_entropy", cross_entropy_cases()); }

TEST_CASE("cross_entropy: every device") {
  std::vector<OpCase> list = cross_entropy_cases();
  list.push_back(entropy_case(32, 1000));
  check_devices("cross_entropy", list);
  check_bf16("cross_entropy", cross_entropy_cases(), {.y = 2, .gradients = 3});
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

TEST_CASE("cross_entropy: all rows ignored is NaN without a gradient") {
  EveryDevice every("cross_entropy");
  every.run([](Device device) {
    const Tensor logits = Tensor::full({2, 4}, 3, DType::f32, device).set_requires_grad();
    const Tensor loss = cross_entropy(logits, labels_on({-100, -100}, device));
    CHECK(std::isnan(loss.item()));
    backward(loss);
    CHECK(logits.grad().to_vector<double>() == std::vector<double>(8, 0));
  });
}

TEST_CASE("cross_entropy: what it keeps is watched") {
  const Tensor logits = zeros({2, 3}).set_requires_grad();
  const Tensor weights = Tensor::full({3}, 1, DType::f64, Device::ref);
  const Tensor loss =
      cross_entropy(logits, labels_on({0, 1}, Device::ref), {.class_weights = weights});
  weights.copy_from(zeros({3}));
  CHECK_ERROR(backward(loss),
              "cross_entropy: a tensor that backward needs was overwritten after the forward pass");
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
    if (memory_space(device) != MemorySpace::host) {  // nobody waits for it
      CHECK(std::isnan(cross_entropy(x, labels_on({0, 3}, device)).item()));
      return;
    }
    CHECK_ERROR(cross_entropy(x, labels_on({0, 3}, device)),
                "cross_entropy: label 3 is not one of 3 classes");
    CHECK_ERROR(cross_entropy(x, labels_on({-1, 0}, device)),
                "cross_entropy: label -1 is not one of 3 classes");
  });
  CHECK_ERROR(cross_entropy(logits, zeros({2}, DType::f32)),
              "cross_entropy: targets must be i32 labels or f64 probabilities, got f32");
  CHECK_ERROR(cross_entropy(logits, zeros({2})),
              "cross_entropy: probabilities must have shape [2, 3], got [2]");
  CHECK_ERROR(cross_entropy(logits, zeros({2, 3}).set_requires_grad()),
              "cross_entropy: probabilities get no gradient, but need one");
  CHECK_ERROR(cross_entropy(logits, labels({0, 1}), {.class_weights = zeros({2})}),
              "cross_entropy: class_weights must have shape [3], got [2]");
  CHECK_ERROR(cross_entropy(logits, labels({0, 1}), {.class_weights = zeros({3}, DType::f32)}),
              "cross_entropy: class_weights is f32, beside an input in f64 it must be f64");
  CHECK_ERROR(
      cross_entropy(logits, labels({0, 1}), {.class_weights = zeros({3}).set_requires_grad()}),
      "cross_entropy: class_weights get no gradient, but need one");
  for (const double smoothing : {-0.1, 1.5, std::nan("")}) {
    CHECK_ERROR(
        cross_entropy(logits, labels({0, 1}), {.label_smoothing = smoothing}),
        concat("cross_entropy: label smoothing must be in [0, 1], got ", smoothing).c_str());
  }
  CHECK_ERROR(cross_entropy(logits, labels_on({0, 1}, Device::cpu)),
              "cross_entropy: targets are on cpu, logits on ref");
  CHECK_ERROR(cross_entropy(zeros({2, 3}, DType::i32), labels({0, 1})),
              "cross_entropy: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
