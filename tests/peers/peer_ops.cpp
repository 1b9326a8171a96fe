// peer_ops DEVICE CASES.json: computes the cases that ops.py drew, results and gradients, on `ref`
// in f64 or on another device in f32, and prints them as JSON. kOps is the table of contents.
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "nn/optimizer.h"

namespace tl {
namespace {

using nlohmann::json;
using Tensors = std::vector<Tensor>;

/// One op on a case: inputs that want gradients, tensors that want none, the case's attributes.
using Op = std::function<Tensor(const Tensors& x, const Tensors& fixed, const json& a)>;

std::int64_t integer(const json& a, const char* name) { return a.at(name).get<std::int64_t>(); }
double real(const json& a, const char* name) { return a.at(name).get<double>(); }
bool flag(const json& a, const char* name) { return a.at(name).get<bool>(); }
std::vector<int> ints(const json& a, const char* name) {
  return a.at(name).get<std::vector<int>>();
}
std::vector<std::int64_t> extents(const json& a, const char* name) {
  return a.at(name).get<std::vector<std::int64_t>>();
}
Extent2 extent2(const json& a, const char* name) {
  const auto e = extents(a, name);
  return {e[0], e[1]};
}

Tensor run_conv2d(const Tensors& x, const Tensors&, const json& a) {
  return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor{},
                {.stride = extent2(a, "stride"),
                 .pad = extent2(a, "pad"),
                 .dilation = extent2(a, "dilation"),
                 .groups = integer(a, "groups")});
}

Tensor run_max_pool2d(const Tensors& x, const Tensors&, const json& a) {
  return max_pool2d(x[0], {.kernel = extent2(a, "kernel"),
                           .stride = extent2(a, "stride"),
                           .pad = extent2(a, "pad"),
                           .dilation = extent2(a, "dilation"),
                           .ceil_mode = flag(a, "ceil_mode")});
}

Tensor run_average_pool2d(const Tensors& x, const Tensors&, const json& a) {
  return average_pool2d(x[0], {.kernel = extent2(a, "kernel"),
                               .stride = extent2(a, "stride"),
                               .pad = extent2(a, "pad"),
                               .ceil_mode = flag(a, "ceil_mode"),
                               .count_include_pad = flag(a, "count_include_pad")});
}

template <auto kBatchNorm>
Tensor run_batch_norm(const Tensors& x, const Tensors& fixed, const json& a) {
  return kBatchNorm(x[0], {x[1], x[2], fixed[0], fixed[1]},
                    {.epsilon = real(a, "epsilon"), .momentum = real(a, "momentum")});
}

Tensor run_cross_entropy(const Tensors& x, const Tensors& fixed, const json& a) {
  return cross_entropy(x[0], fixed[0],
                       {.class_weights = flag(a, "weighted") ? fixed[1] : Tensor{},
                        .label_smoothing = real(a, "label_smoothing"),
                        .ignore_index = static_cast<std::int32_t>(integer(a, "ignore_index"))});
}

/// Three steps on given gradients; the parameters after them, one behind the other.
template <class MakeOptimizer>
Tensor run_optimizer(const Tensors& fixed, const json& a, const MakeOptimizer& make) {
  const auto count = static_cast<std::size_t>(integer(a, "parameters"));
  std::vector<NamedTensor> parameters;
  for (std::size_t i = 0; i < count; ++i)
    parameters.push_back({concat("p", i), fixed[i].set_requires_grad()});
  auto optimizer = make(parameters);
  if (real(a, "clip") > 0) optimizer.clip_gradient_norm(real(a, "clip"));
  for (std::size_t step = 1; step <= 3; ++step) {
    for (std::size_t i = 0; i < count; ++i) fixed[i].set_grad(fixed[step * count + i]);
    optimizer.step();
  }
  Tensors flat;
  for (std::size_t i = 0; i < count; ++i)
    flat.push_back(reshape(fixed[i].detached(), {fixed[i].size()}));
  return concat(flat, 0);
}

AdamProblem adam_options(const json& a) {
  return {.beta1 = real(a, "beta1"),
          .beta2 = real(a, "beta2"),
          .epsilon = real(a, "epsilon"),
          .weight_decay = real(a, "weight_decay")};
}

template <auto kReduce>
Tensor run_reduction(const Tensors& x, const Tensors&, const json& a) {
  return kReduce(x[0], ints(a, "axes"), flag(a, "keepdim"));
}

template <auto kBinary>
Tensor run_binary(const Tensors& x, const Tensors&, const json&) {
  return kBinary(x[0], x[1]);
}

template <auto kUnary>
Tensor run_unary(const Tensors& x, const Tensors&, const json&) {
  return kUnary(x[0]);
}

const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> table = {
      {"add", run_binary<add>},
      {"sub", run_binary<sub>},
      {"mul", run_binary<mul>},
      {"div", run_binary<div>},
      {"relu", run_unary<relu>},
      {"exp", run_unary<exp>},
      {"log", run_unary<log>},
      {"sqrt", run_unary<sqrt>},
      {"tanh", run_unary<tanh>},
      {"sigmoid", run_unary<sigmoid>},
      {"global_average_pool", run_unary<global_average_pool>},
      {"sum", run_reduction<sum>},
      {"mean", run_reduction<mean>},
      {"max", run_reduction<max>},
      {"min", run_reduction<min>},
      {"conv2d", run_conv2d},
      {"max_pool2d", run_max_pool2d},
      {"average_pool2d", run_average_pool2d},
      {"batch_norm_train", run_batch_norm<batch_norm_train>},
      {"batch_norm_eval", run_batch_norm<batch_norm_eval>},
      {"cross_entropy", run_cross_entropy},
      {"cross_entropy_soft", run_cross_entropy},
      {"matmul", run_binary<matmul>},
      {"leaky_relu", [](const Tensors& x, const Tensors&,
                        const json& a) { return leaky_relu(x[0], real(a, "slope")); }},
      {"clamp", [](const Tensors& x, const Tensors&,
                   const json& a) { return clamp(x[0], real(a, "low"), real(a, "high")); }},
      {"pow", [](const Tensors& x, const Tensors&,
                 const json& a) { return pow(x[0], real(a, "exponent")); }},
      {"scale", [](const Tensors& x, const Tensors&,
                   const json& a) { return scale(x[0], real(a, "a"), real(a, "b")); }},
      {"argmax",
       [](const Tensors&, const Tensors& fixed, const json& a) {
         return argmax(fixed[0], static_cast<int>(integer(a, "axis")), flag(a, "keepdim"));
       }},
      {"reshape", [](const Tensors& x, const Tensors&,
                     const json& a) { return reshape(x[0], Shape(extents(a, "shape"))); }},
      {"transpose", [](const Tensors& x, const Tensors&,
                       const json& a) { return transpose(x[0], ints(a, "order")); }},
      {"slice",
       [](const Tensors& x, const Tensors&, const json& a) {
         return slice(x[0], static_cast<int>(integer(a, "axis")), integer(a, "begin"),
                      integer(a, "end"), integer(a, "step"));
       }},
      {"concat", [](const Tensors& x, const Tensors&,
                    const json& a) { return concat(x, static_cast<int>(integer(a, "axis"))); }},
      {"pad",
       [](const Tensors& x, const Tensors&, const json& a) {
         return pad(x[0], extents(a, "before"), extents(a, "after"), real(a, "value"));
       }},
      {"gather_rows", [](const Tensors& x, const Tensors& fixed,
                         const json&) { return gather_rows(x[0], fixed[0]); }},
      {"linear", [](const Tensors& x, const Tensors&,
                    const json&) { return linear(x[0], x[1], x.size() > 2 ? x[2] : Tensor{}); }},
      {"adaptive_average_pool2d",
       [](const Tensors& x, const Tensors&, const json& a) {
         return adaptive_average_pool2d(x[0], extent2(a, "out"));
       }},
      {"softmax",
       [](const Tensors& x, const Tensors&, const json& a) {
         return softmax(x[0], static_cast<int>(integer(a, "axis")));
       }},
      {"log_softmax",
       [](const Tensors& x, const Tensors&, const json& a) {
         return log_softmax(x[0], static_cast<int>(integer(a, "axis")));
       }},
      {"sgd",
       [](const Tensors&, const Tensors& fixed, const json& a) {
         return run_optimizer(fixed, a, [&](const std::vector<NamedTensor>& p) {
           return Sgd(p, real(a, "rate"),
                      {.momentum = real(a, "momentum"),
                       .weight_decay = real(a, "weight_decay"),
                       .nesterov = flag(a, "nesterov")});
         });
       }},
      {"adam",
       [](const Tensors&, const Tensors& fixed, const json& a) {
         return run_optimizer(fixed, a, [&](const std::vector<NamedTensor>& p) {
           return Adam(p, real(a, "rate"), adam_options(a));
         });
       }},
      {"adamw",
       [](const Tensors&, const Tensors& fixed, const json& a) {
         return run_optimizer(fixed, a, [&](const std::vector<NamedTensor>& p) {
           return AdamW(p, real(a, "rate"), adam_options(a));
         });
       }},
  };
  return table;
}

Tensor tensor_of(const json& array, DType dtype, Device device) {
  return Tensor::from(array.at("values").get<std::vector<double>>(), Shape(extents(array, "shape")),
                      array.at("integer").get<bool>() ? DType::i32 : dtype, device);
}

json array_of(const Tensor& x) {
  return {{"shape", x.shape().dims()}, {"values", x.to_vector<double>()}};
}

json run_case(const json& c, DType dtype, Device device) {
  const auto op = ops().find(c.at("op").get<std::string>());
  check(op != ops().end(), "no op ", c.at("op"));
  Tensors x, fixed;
  for (const json& array : c.at("inputs"))
    x.push_back(tensor_of(array, dtype, device).set_requires_grad());
  for (const json& array : c.at("fixed")) fixed.push_back(tensor_of(array, dtype, device));
  const Tensor y = op->second(x, fixed, c.at("attributes"));
  json results = {{"y", array_of(y.detached())}};
  if (!x.empty())
    backward(y, Tensor::from(c.at("dy").get<std::vector<double>>(), y.shape(), dtype, device));
  for (std::size_t i = 0; i < x.size(); ++i) results[concat("d", i)] = array_of(x[i].grad());
  for (std::size_t i = 0; i < fixed.size(); ++i)
    results[concat("fixed", i)] = array_of(fixed[i].detached());
  return results;
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  try {
    tl::check(argc == 3, "usage: peer_ops DEVICE CASES.json");
    const tl::Device device = tl::parse_device(argv[1]);
    const tl::DType dtype = device == tl::Device::ref ? tl::DType::f64 : tl::DType::f32;
    nlohmann::json results = nlohmann::json::array();
    for (const auto& c : nlohmann::json::parse(std::ifstream(argv[2])))
      results.push_back(tl::run_case(c, dtype, device));
    std::printf("%s\n", results.dump().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_ops: %s\n", error.what());
    return 1;
  }
}
