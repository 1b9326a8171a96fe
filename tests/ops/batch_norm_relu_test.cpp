// batch_norm_relu, training and evaluation: the same bits as the chain of simple ops, which is its
// definition; numeric gradients; what is kept; errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

BatchNormTensors norm_on(std::int64_t channels, DType dtype, Device device) {
  Random random(5);
  const auto tensor = [&](double low, double high) {
    return Tensor::from(random.uniform_vector(channels, low, high), {channels}, dtype, device);
  };
  const Tensor gamma = tensor(0.5, 2), beta = tensor(-0.5, 0.5);
  return {gamma.set_requires_grad(), beta.set_requires_grad(), tensor(-1, 1), tensor(0.5, 1)};
}

/// Everything that conv2d(relu(batch_norm(x))) computes, fused or not.
std::vector<Values> step(bool fused, bool training, DType dtype, Device device) {
  const Shape shape{2, 5, 7, 19};
  Random random(3);
  const auto tensor = [&](const Shape& s) {
    return Tensor::from(random.uniform_vector(s.size()), s, dtype, device);
  };
  const Tensor x = tensor(shape).set_requires_grad();
  const Tensor w = tensor({6, 3, 3, 19}).set_requires_grad();
  const BatchNormTensors t = norm_on(19, parameter_dtype(dtype), device);
  const auto norm_relu = training ? batch_norm_relu_train : batch_norm_relu_eval;
  const auto plain_norm = training ? batch_norm_train : batch_norm_eval;
  const Tensor y = fused ? norm_relu(x, t, {}) : relu(plain_norm(x, t, {}));
  // Two readers, of which one needs y itself in backward.
  const Tensor out = conv2d(y, w, {}, {.pad = 1});
  const Tensor loss = add(global_average_pool(out), slice(global_average_pool(y), 1, 0, 6));
  backward(loss, tensor(loss.shape()));
  std::vector<Values> all;
  for (const Tensor& result : {y, loss, x.grad(), w.grad(), t.gamma.grad(), t.beta.grad(),
                               t.running_mean, t.running_var}) {
    all.push_back(result.to_vector<double>());
    CHECK(norm(all.back()) > 0);
  }
  return all;
}

TEST_CASE("batch_norm_relu: the bits of the chain of simple ops, every device") {
  for (const bool training : {true, false}) {
    CAPTURE(training);
    CHECK(step(true, training, DType::f64, Device::ref) ==
          step(false, training, DType::f64, Device::ref));
    EveryDevice every("batch_norm_relu");
    every.run([&](Device device) {
      const auto fused = step(true, training, DType::f32, device);  // may throw: not in CHECK
      CHECK(fused == step(false, training, DType::f32, device));
      if (computes_bf16(backend(device))) {
        CHECK(step(true, training, DType::bf16, device) ==
              step(false, training, DType::bf16, device));
      }
    });
  }
}

TEST_CASE("batch_norm_relu: gradient") {
  // x is far from the kinks: its rows lie on both sides of where y turns 0.
  const Shape shape{6, 3};
  const Values x = {-3, 2, 1, 2, -2, 3, 4, 1, -3, -2, -1, 2, 1, 3, -2, -4, -3, -1};
  for (const auto op : {batch_norm_relu_train, batch_norm_relu_eval}) {
    check_gradients({{shape, x}, {{3}, {0.5, 1, 2}}, {{3}, {0.25, -0.125, 0.25}}},
                    [op](const std::vector<Tensor>& in) {
                      const Tensor mean = zeros({3}),
                                   var = Tensor::full({3}, 1, DType::f64, Device::ref);
                      return op(in[0], {in[1], in[2], mean, var}, {});
                    });
  }
}

TEST_CASE("batch_norm_relu_eval: y is kept, x only for gamma and beta") {
  for (const bool is_frozen : {true, false}) {
    BatchNormTensors t = norm_on(4, DType::f64, Device::ref);
    if (is_frozen) t = {t.gamma.detached(), t.beta.detached(), t.running_mean, t.running_var};
    const Tensor x0 = zeros({2, 4}).set_requires_grad(), x = add(x0, x0);
    const Tensor y = batch_norm_relu_eval(x, t, {});
    CHECK(y.shares_storage());
    CHECK(x.shares_storage() == !is_frozen);
  }
}

TEST_CASE("batch_norm_relu_train: y is kept by nobody, x is") {
  const BatchNormTensors t = norm_on(4, DType::f64, Device::ref);
  const Tensor w = zeros({2, 1, 1, 4}).set_requires_grad();
  const Tensor x0 = zeros({1, 2, 2, 4}).set_requires_grad(), x = add(x0, x0);
  const Tensor y = batch_norm_relu_train(x, t, {});
  const Tensor out = conv2d(y, w, {}, {});
  CHECK(x.shares_storage());
  CHECK(!y.shares_storage());
  backward(out, zeros(out.shape()));
  CHECK(!x.shares_storage());
}

TEST_CASE("batch_norm_relu_train: without a gradient there is no recipe") {
  BatchNormTensors t = norm_on(4, DType::f64, Device::ref);
  t.gamma = t.gamma.detached();
  t.beta = t.beta.detached();
  const Tensor x = zeros({1, 2, 2, 4});
  const Tensor y = batch_norm_relu_train(x, t, {});
  CHECK(!y.requires_grad());
  CHECK(!x.shares_storage());
}

TEST_CASE("batch_norm_relu_train: an overwritten x is noticed, by whoever needs y") {
  const BatchNormTensors t = norm_on(4, DType::f64, Device::ref);
  const Tensor w = zeros({2, 1, 1, 4}).set_requires_grad();
  const Tensor x = Tensor::full({1, 2, 2, 4}, 1, DType::f64, Device::ref);
  const Tensor y = conv2d(batch_norm_relu_train(x, t, {}), w, {}, {});
  x.copy_from(zeros(x.shape()));
  CHECK_ERROR(backward(y, zeros(y.shape())),
              "batch_norm_relu_train: a tensor that backward needs was overwritten after the "
              "forward pass");
}

TEST_CASE("batch_norm_relu_train: who reads an overwritten y keeps what it read") {
  const BatchNormTensors t = norm_on(4, DType::f64, Device::ref);
  const Tensor w = zeros({2, 1, 1, 4}).set_requires_grad();
  const Tensor x = Tensor::full({1, 2, 2, 4}, 1, DType::f64, Device::ref);
  const Tensor y = batch_norm_relu_train(x, t, {});
  y.detached().copy_from(Tensor::full(y.shape(), 7, DType::f64, Device::ref));
  const Tensor out = conv2d(y, w, {}, {});
  backward(out, Tensor::full(out.shape(), 1, DType::f64, Device::ref));
  CHECK(w.grad().to_vector<double>() == Values(8, 28));  // the sum of four sevens
}

TEST_CASE("batch_norm_relu: errors") {
  const BatchNormTensors t = norm_on(4, DType::f64, Device::ref);
  CHECK_ERROR(batch_norm_relu_train(zeros({4}), t, {}),
              "batch_norm_relu_train: needs [..., channels], got [4]");
  CHECK_ERROR(batch_norm_relu_train(zeros({1, 4}), t, {}),
              "batch_norm_relu_train: needs more than one value per channel, got [1, 4]");
  CHECK_ERROR(batch_norm_relu_eval(zeros({4}), t, {}),
              "batch_norm_relu_eval: needs [..., channels], got [4]");
  CHECK_ERROR(batch_norm_relu_train(zeros({2, 3}), t, {}),
              "batch_norm_relu_train: gamma must have shape [3], got [4]");
}

}  // namespace
}  // namespace tl::test
