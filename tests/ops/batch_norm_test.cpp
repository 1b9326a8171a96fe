// batch_norm, training and evaluation: gradients, running statistics, devices, errors.
#include "tests/ops/batch_norm_statistics.h"
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

/// x is off centre by `offset`, where a variance taken as E[x^2] - E[x]^2 loses digits.
OpCase norm_case(bool training, const Shape& shape, double offset = 0.5) {
  Random random(static_cast<std::uint64_t>(shape.size() + training));
  const std::int64_t channels = shape[-1];
  std::vector<double> x = random.uniform_vector(shape.size());
  for (double& v : x) v += offset;
  // The longest chain of roundings is a sum over the rows, and the dozen steps around it. dx in
  // training is a difference of terms of which each holds such sums.
  const double terms = static_cast<double>(shape.size() / channels) + 24;
  return {.name = concat(training ? "training " : "evaluation ", shape, ", offset ", offset),
          .inputs = {{shape, x},
                     {{channels}, random.uniform_vector(channels, 0.5, 2)},
                     {{channels}, random.uniform_vector(channels)}},
          .op =
              [training](const std::vector<Tensor>& in) {
                const BatchNormTensors t = with_statistics(in[0], in[1], in[2]);
                return training ? batch_norm_train(in[0], t, kBatchNormOptions)
                                : batch_norm_eval(in[0], t, kBatchNormOptions);
              },
          .y_terms = terms,
          .gradient_terms = {2 * terms, terms, terms},
          .first_parameter = 1};
}

std::vector<OpCase> batch_norm_cases(bool training) {
  return {norm_case(training, {2, 3, 5, 4}), norm_case(training, {5, 1}),
          norm_case(training, {3, 3, 3, 3}), norm_case(training, {1, 5, 2, 17}, -3)};
}

TEST_CASE("batch_norm: gradient in training") {
  check_gradients("batch_norm_train", batch_norm_cases(true));
}

TEST_CASE("batch_norm: gradient in evaluation") {
  check_gradients("batch_norm_eval", batch_norm_cases(false));
}

TEST_CASE("batch_norm: every device") {
  for (const bool training : {true, false}) {
    std::vector<OpCase> list = batch_norm_cases(training);
    list.push_back(norm_case(training, {4, 14, 13, 64}));
    list.push_back(norm_case(training, {2, 7, 7, 33}));
    check_devices("batch_norm", list);
    check_bf16("batch_norm", batch_norm_cases(training));
  }
}

TEST_CASE("batch_norm: the batch is normalised and the running statistics follow it") {
  EveryDevice every("batch_norm");
  every.run([](Device device) {
    // Channel 0: 1 2 3 6: mean 3, variance 14 / 4, unbiased 14 / 3. Channel 1: 4 4 0 0: 2, 4, 16/3.
    const auto vector = [&](std::vector<double> values) {
      return Tensor::from(values, {2}, DType::f32, device);
    };
    const Tensor x =
        Tensor::from(std::vector<double>{1, 4, 2, 4, 3, 0, 6, 0}, {1, 2, 2, 2}, DType::f32, device);
    const BatchNormTensors t{vector({2, 1}), vector({10, 0}), vector({8, -2}), vector({1, 2})};
    const BatchNormOptions options{.epsilon = 0, .momentum = 0.5};
    const double deviation = std::sqrt(3.5);
    check_close(batch_norm_train(x, t, options).to_vector<double>(),
                {10 - 4 / deviation, 1, 10 - 2 / deviation, 1, 10, -1, 10 + 6 / deviation, -1},
                f32_sum_bound(8), "y");
    check_close(t.running_mean.to_vector<double>(), {5.5, 0}, f32_sum_bound(8), "running mean");
    check_close(t.running_var.to_vector<double>(), {0.5 + 14.0 / 6, 1 + 8.0 / 3}, f32_sum_bound(8),
                "running variance");

    const Tensor y = batch_norm_eval(x, {t.gamma, t.beta, vector({3, 1}), vector({4, 0.25})},
                                     {.epsilon = 0, .momentum = 0.5});
    check_close(y.to_vector<double>(), {8, 6, 9, 6, 10, -2, 13, -2}, f32_sum_bound(8), "y");
  });
}

TEST_CASE("batch_norm: evaluation computes only the gradients that are wanted") {
  static int asked;  // bit set of dx, dgamma, dbeta
  Backend watched = backend(Device::ref);
  watched.batch_norm.eval_backward = BatchNormKernels{}.eval_backward;
  watched.batch_norm.eval_backward.add(
      {.name = "watched",
       .supports = [](const BatchNormProblem&) { return true; },
       .run =
           [](Stream, const BatchNormProblem&, const BatchNormEvalBackwardArgs& args) {
             asked = (args.dx ? 1 : 0) | (args.dgamma ? 2 : 0) | (args.dbeta ? 4 : 0);
           }});
  ScopedBackend scoped(Device::ref, watched);
  for (int wanted = 1; wanted < 8; ++wanted) {
    const Tensor x = zeros({4, 2}).set_requires_grad(wanted & 1);
    const Tensor gamma = zeros({2}).set_requires_grad(wanted & 2);
    const Tensor beta = zeros({2}).set_requires_grad(wanted & 4);
    asked = 0;
    backward(batch_norm_eval(x, {gamma, beta, zeros({2}), zeros({2})}, kBatchNormOptions),
             zeros({4, 2}));
    CHECK(asked == wanted);
    CHECK(static_cast<bool>(gamma.grad()) == static_cast<bool>(wanted & 2));
  }
}

TEST_CASE("batch_norm: evaluation keeps x only for the gradients of gamma and beta") {
  for (int wanted = 0; wanted < 4; ++wanted) {
    const Tensor x0 = zeros({2, 3}).set_requires_grad(), x = add(x0, x0);
    const BatchNormTensors t{zeros({3}).set_requires_grad(wanted & 1),
                             zeros({3}).set_requires_grad(wanted & 2), zeros({3}), zeros({3})};
    const Tensor y = batch_norm_eval(x, t, kBatchNormOptions);
    INFO("gamma ", (wanted & 1) != 0, ", beta ", (wanted & 2) != 0);
    CHECK(x.shares_storage() == (wanted != 0));
    backward(y, zeros(y.shape()));
    CHECK(static_cast<bool>(x0.grad()));
  }
}

TEST_CASE("batch_norm: training with frozen x computes no dx, with frozen affine keeps none") {
  static bool asked_dx;
  Backend watched = backend(Device::ref);
  watched.batch_norm.train_backward = BatchNormKernels{}.train_backward;
  watched.batch_norm.train_backward.add(
      {.name = "watched",
       .supports = [](const BatchNormProblem&) { return true; },
       .run =
           [](Stream, const BatchNormProblem&, const BatchNormTrainBackwardArgs& args) {
             asked_dx = static_cast<bool>(args.dx);
           }});
  ScopedBackend scoped(Device::ref, watched);
  for (const bool dx : {true, false}) {
    const Tensor x = zeros({4, 2}).set_requires_grad(dx);
    const Tensor gamma = zeros({2}).set_requires_grad(!dx), beta = zeros({2});
    backward(batch_norm_train(x, {gamma, beta, zeros({2}), zeros({2})}, kBatchNormOptions),
             zeros({4, 2}));
    CHECK(asked_dx == dx);
    CHECK(static_cast<bool>(x.grad()) == dx);
    CHECK(static_cast<bool>(gamma.grad()) == !dx);
    CHECK(!beta.grad());
  }
}

TEST_CASE("batch_norm: evaluation notices that training moved the statistics before backward") {
  const Tensor x = Tensor::from(std::vector<double>{1, 2, 3, 4}, {4, 1}, DType::f64, Device::ref);
  x.set_requires_grad();
  const BatchNormTensors t{zeros({1}), zeros({1}), zeros({1}), zeros({1})};
  const Tensor y = batch_norm_eval(x, t, kBatchNormOptions);
  batch_norm_train(x, t, kBatchNormOptions);
  CHECK_ERROR(backward(y, zeros({4, 1})),
              "batch_norm_eval: a tensor that backward needs was overwritten after the forward "
              "pass");
}

TEST_CASE("batch_norm: empty, errors") {
  const auto tensors = [](std::int64_t c) {
    return BatchNormTensors{zeros({c}), zeros({c}), zeros({c}), zeros({c})};
  };
  CHECK(batch_norm_eval(zeros({0, 2, 2, 3}), tensors(3), kBatchNormOptions).shape() ==
        Shape{0, 2, 2, 3});
  CHECK_ERROR(batch_norm_train(zeros({1, 1, 1, 3}), tensors(3), kBatchNormOptions),
              "batch_norm_train: needs more than one value per channel, got [1, 1, 1, 3]");
  CHECK_ERROR(batch_norm_train(zeros({0, 3}), tensors(3), kBatchNormOptions),
              "batch_norm_train: needs more than one value per channel, got [0, 3]");
  CHECK_ERROR(batch_norm_train(zeros({4, 3}), tensors(2), kBatchNormOptions),
              "batch_norm_train: gamma must have shape [3], got [2]");
  CHECK_ERROR(batch_norm_eval(zeros({3}), tensors(3), kBatchNormOptions),
              "batch_norm_eval: needs [..., channels], got [3]");
  CHECK_ERROR(batch_norm_eval(zeros({4, 3}, DType::f32), tensors(3), kBatchNormOptions),
              "batch_norm_eval: gamma is f64, beside an input in f32 it must be f32");
  CHECK_ERROR(
      batch_norm_eval(zeros({4, 3}, DType::f64, Device::cpu), tensors(3), kBatchNormOptions),
      "batch_norm_eval: gamma is on ref, the input on cpu");
  CHECK_ERROR(batch_norm_train(zeros({4, 3}, DType::i32), tensors(3), kBatchNormOptions),
              "batch_norm_train: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
