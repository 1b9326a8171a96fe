// batch_norm_add_relu, training and evaluation: numeric gradients, the same bits as the chain of
// simple ops, which is its definition; which gradients are computed; what is kept; errors.
#include "tests/ops/batch_norm_statistics.h"
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Tensor fused(bool training, const Tensor& x, const Tensor& residual, const BatchNormTensors& t) {
  return training ? batch_norm_add_relu_train(x, residual, t, kBatchNormOptions)
                  : batch_norm_add_relu_eval(x, residual, t, kBatchNormOptions);
}
Tensor chain(bool training, const Tensor& x, const Tensor& residual, const BatchNormTensors& t) {
  const Tensor norm = training ? batch_norm_train(x, t, kBatchNormOptions)
                               : batch_norm_eval(x, t, kBatchNormOptions);
  return relu(add(norm, residual));
}

/// Inputs x, residual, gamma, beta. The norm lies within +-10; the residual puts every element at
/// least 4 away from the kink, a third of them below it.
OpCase add_relu_case(bool training, const Shape& shape) {
  Random random(static_cast<std::uint64_t>(shape.size() + training));
  const std::int64_t channels = shape[-1];
  std::vector<double> residual = random.uniform_vector(shape.size(), 14, 16);
  for (std::size_t i = 0; i < residual.size(); ++i) {
    if (i % 3 == 1) residual[i] = -residual[i];
  }
  // As in batch_norm_test.cpp; what is added is of twice the size.
  const double terms = static_cast<double>(shape.size() / channels) + 24;
  return {.name = concat(training ? "training " : "evaluation ", shape),
          .inputs = {{shape, random.uniform_vector(shape.size(), -1, 2)},
                     {shape, residual},
                     {{channels}, random.uniform_vector(channels, 0.5, 2)},
                     {{channels}, random.uniform_vector(channels)}},
          .op =
              [training](const std::vector<Tensor>& in) {
                return fused(training, in[0], in[1], with_statistics(in[0], in[2], in[3]));
              },
          .y_terms = terms,
          .gradient_terms = {2 * terms, 1, terms, terms},
          .first_parameter = 2};
}

std::vector<OpCase> add_relu_cases(bool training) {
  return {add_relu_case(training, {2, 3, 5, 4}), add_relu_case(training, {5, 1}),
          add_relu_case(training, {3, 3, 3, 3}), add_relu_case(training, {1, 5, 2, 17})};
}

TEST_CASE("batch_norm_add_relu: gradient") {
  for (const bool training : {true, false}) {
    check_gradients("batch_norm_add_relu", add_relu_cases(training));
  }
}

TEST_CASE("batch_norm_add_relu: every device") {
  for (const bool training : {true, false}) {
    std::vector<OpCase> list = add_relu_cases(training);
    list.push_back(add_relu_case(training, {4, 14, 13, 64}));
    list.push_back(add_relu_case(training, {2, 7, 7, 33}));
    check_devices("batch_norm_add_relu", list);
    check_bf16("batch_norm_add_relu", add_relu_cases(training));
  }
}

/// Everything that a residual block of identity shortcut computes, fused or not; dresidual is added
/// to what comes back through the convolution.
std::vector<Values> block(bool is_fused, bool training, DType dtype, Device device) {
  const Shape shape{2, 5, 7, 19};
  Random random(3);
  const auto tensor = [&](const Shape& s) {
    return Tensor::from(random.uniform_vector(s.size()), s, dtype, device);
  };
  const Tensor x = tensor(shape).set_requires_grad();
  const Tensor w = tensor({19, 3, 3, 19}).set_requires_grad();
  const auto channel = [&](double low, double high) {
    return Tensor::from(random.uniform_vector(19, low, high), {19}, dtype, device)
        .set_requires_grad();
  };
  const BatchNormTensors t = with_statistics(x, channel(0.5, 2), channel(-0.5, 0.5));
  const Tensor z = conv2d(x, w, {}, {.pad = 1});
  const Tensor y = is_fused ? fused(training, z, x, t) : chain(training, z, x, t);
  const Tensor loss = global_average_pool(conv2d(y, w, {}, {}));
  backward(loss, tensor(loss.shape()));
  std::vector<Values> all;
  for (const Tensor& result : {y, loss, x.grad(), w.grad(), t.gamma.grad(), t.beta.grad(),
                               t.running_mean, t.running_var}) {
    all.push_back(result.to_vector<double>());
    CHECK(norm(all.back()) > 0);
  }
  return all;
}

TEST_CASE("batch_norm_add_relu: the bits of the chain of simple ops, every device") {
  for (const bool training : {true, false}) {
    CAPTURE(training);
    CHECK(block(true, training, DType::f64, Device::ref) ==
          block(false, training, DType::f64, Device::ref));
    EveryDevice every("batch_norm_add_relu");
    every.run([&](Device device) {
      const auto found = block(true, training, DType::f32, device);  // may throw: not in CHECK
      CHECK(found == block(false, training, DType::f32, device));
    });
  }
}

TEST_CASE("batch_norm_add_relu: computes only the gradients that are wanted") {
  static int asked;  // bit set of dx, dresidual
  Backend watched = backend(Device::ref);
  watched.batch_norm.train_backward = BatchNormKernels{}.train_backward;
  watched.batch_norm.train_backward.add(
      {.name = "watched",
       .supports = [](const BatchNormProblem&) { return true; },
       .run =
           [](Stream, const BatchNormProblem&, const BatchNormTrainBackwardArgs& args) {
             asked = (args.dx ? 1 : 0) | (args.dresidual ? 2 : 0);
           }});
  watched.batch_norm.eval_backward = BatchNormKernels{}.eval_backward;
  watched.batch_norm.eval_backward.add(
      {.name = "watched",
       .supports = [](const BatchNormProblem&) { return true; },
       .run =
           [](Stream, const BatchNormProblem&, const BatchNormEvalBackwardArgs& args) {
             asked = (args.dx ? 1 : 0) | (args.dresidual ? 2 : 0);
           }});
  ScopedBackend scoped(Device::ref, watched);
  for (const bool training : {true, false}) {
    for (int wanted = 1; wanted < 4; ++wanted) {
      const Tensor x = zeros({4, 2}).set_requires_grad(wanted & 1);
      const Tensor residual = zeros({4, 2}).set_requires_grad(wanted & 2);
      asked = 0;
      backward(fused(training, x, residual, with_statistics(x, zeros({2}), zeros({2}))),
               zeros({4, 2}));
      CHECK(asked == wanted);
      CHECK(static_cast<bool>(x.grad()) == static_cast<bool>(wanted & 1));
      CHECK(static_cast<bool>(residual.grad()) == static_cast<bool>(wanted & 2));
    }
  }
}

TEST_CASE("batch_norm_add_relu: dy is not written to where somebody else has it") {
  for (const bool training : {true, false}) {
    const Shape shape{2, 3};
    const Tensor x = Tensor::from(Values{1, 2, 3, 4, 5, 6}, shape, DType::f64, Device::ref);
    const Tensor residual = Tensor::full(shape, -100, DType::f64, Device::ref).set_requires_grad();
    const Tensor y = fused(training, x, residual, with_statistics(x, zeros({3}), zeros({3})));
    const Tensor dy = Tensor::full(shape, 7, DType::f64, Device::ref);
    Tensor seen;
    register_hook(y, [&](const Tensor& gradient) {
      seen = gradient;
      return Tensor();
    });
    backward(y, dy);
    CHECK(dy.to_vector<double>() == Values(6, 7));
    CHECK(seen.to_vector<double>() == Values(6, 7));
    CHECK(residual.grad().to_vector<double>() == Values(6, 0));
  }
}

TEST_CASE("batch_norm_add_relu: keeps y, and not the residual") {
  for (const bool training : {true, false}) {
    const Tensor x0 = zeros({2, 3}).set_requires_grad(), r0 = zeros({2, 3}).set_requires_grad();
    const Tensor x = add(x0, x0), residual = add(r0, r0);
    const Tensor y = fused(training, x, residual, with_statistics(x, zeros({3}), zeros({3})));
    CHECK(!residual.shares_storage());
    CHECK(x.shares_storage() == training);  // evaluation: gamma and beta want no gradient
    CHECK(y.shares_storage());
    y.detached().copy_from(zeros(y.shape()));
    const std::string error =
        concat(training ? "batch_norm_add_relu_train" : "batch_norm_add_relu_eval",
               ": a tensor that backward needs was overwritten after the forward pass");
    CHECK_ERROR(backward(y, zeros(y.shape())), error.c_str());
  }
}

TEST_CASE("batch_norm_add_relu: empty, errors") {
  const auto tensors = [](std::int64_t c) {
    return BatchNormTensors{zeros({c}), zeros({c}), zeros({c}), zeros({c})};
  };
  const Tensor x = zeros({4, 3});
  CHECK(batch_norm_add_relu_eval(zeros({0, 3}), zeros({0, 3}), tensors(3), kBatchNormOptions)
            .shape() == Shape{0, 3});
  CHECK_ERROR(batch_norm_add_relu_train(x, {}, tensors(3), kBatchNormOptions),
              "batch_norm_add_relu_train: there is no residual");
  CHECK_ERROR(batch_norm_add_relu_train(x, zeros({3}), tensors(3), kBatchNormOptions),
              "batch_norm_add_relu_train: the residual must have shape [4, 3], got [3]");
  CHECK_ERROR(batch_norm_add_relu_eval(x, zeros({4, 3}, DType::f32), tensors(3), kBatchNormOptions),
              "batch_norm_add_relu_eval: the residual is f32, the input f64");
  CHECK_ERROR(batch_norm_add_relu_eval(x, zeros({4, 3}, DType::f32, Device::cpu), tensors(3),
                                       kBatchNormOptions),
              "batch_norm_add_relu_eval: the residual is on cpu, the input on ref");
  CHECK_ERROR(
      batch_norm_add_relu_train(zeros({1, 3}), zeros({1, 3}), tensors(3), kBatchNormOptions),
      "batch_norm_add_relu_train: needs more than one value per channel, got [1, 3]");
  CHECK_ERROR(batch_norm_add_relu_train(x, x, tensors(2), kBatchNormOptions),
              "batch_norm_add_relu_train: gamma must have shape [3], got [2]");
}

}  // namespace
}  // namespace tl::test
