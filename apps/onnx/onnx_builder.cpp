#include "apps/onnx/onnx_builder.h"

#include <bit>
#include <limits>
#include <span>

#include "engine/ops/problems.h"
#include "models/weight_names.h"
#include "nn/fold.h"
#include "nn/layers.h"

namespace tl {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

/// What the batch's size is called.
constexpr const char* kBatch = "batch";

onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const std::string& name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void set_integer(onnx::NodeProto& node, const std::string& name, std::int64_t x) {
  add_attribute(node, name, onnx::AttributeProto::INT).set_i(x);
}

void set_integers(onnx::NodeProto& node, const std::string& name,
                  const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& attribute = add_attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t x : values) attribute.add_ints(x);
}

/// Where windows lie. ONNX has a padding for each side.
void set_windows(onnx::NodeProto& node, Extent2 kernel, Extent2 stride, Extent2 pad) {
  set_integers(node, "kernel_shape", {kernel.h, kernel.w});
  set_integers(node, "strides", {stride.h, stride.w});
  set_integers(node, "pads", {pad.h, pad.w, pad.h, pad.w});
}

/// Dimensions, the first of them named.
void describe(onnx::ValueInfoProto& info, const std::string& name,
              const std::vector<std::int64_t>& rest) {
  info.set_name(name);
  onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param(kBatch);
  for (const std::int64_t extent : rest) type.mutable_shape()->add_dim()->set_dim_value(extent);
}

template <class T>
void fill(onnx::TensorProto& tensor, const std::string& name, onnx::TensorProto::DataType type,
          const std::vector<std::int64_t>& dims, std::span<const T> values) {
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (const std::int64_t extent : dims) tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size_bytes());
}

}  // namespace

OnnxBuilder::OnnxBuilder(const Module& network, onnx::GraphProto& graph)
    : network_(network), graph_(graph) {
  for (const auto& [name, module] : network.modules()) layer_names_.emplace(module, name);
}

std::string OnnxBuilder::unused_name(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; !names_.insert(name).second; ++i) name = concat(wanted, "_", i);
  return name;
}

onnx::NodeProto& OnnxBuilder::add_node(const std::string& type, const std::string& name,
                                       const std::vector<std::string>& inputs) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(type);
  node.set_name(unused_name(name));
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(node.name());
  return node;
}

PlanValue OnnxBuilder::value(const onnx::NodeProto& node, Shape shape) {
  values_.push_back(node.output(0));
  return {static_cast<int>(values_.size()) - 1, std::move(shape)};
}

const std::string& OnnxBuilder::name_of(const PlanValue& x) const {
  return values_.at(static_cast<std::size_t>(x.index));
}

std::string OnnxBuilder::add_weights(const std::string& name, const Tensor& x) {
  const auto values = x.to_vector<float>();
  const std::string unused = unused_name(name);
  fill<float>(*graph_.add_initializer(), unused, onnx::TensorProto::FLOAT, x.shape().dims(),
              values);
  return unused;
}

std::string OnnxBuilder::add_integers(const std::string& name,
                                      const std::vector<std::int64_t>& values) {
  const std::string unused = unused_name(name);
  fill<std::int64_t>(*graph_.add_initializer(), unused, onnx::TensorProto::INT64,
                     {std::ssize(values)}, values);
  return unused;
}

PlanValue OnnxBuilder::input(const std::string& name, Shape x) {
  describe(*graph_.add_input(), name, {x[3], x[1], x[2]});
  values_.push_back(unused_name(name));
  return {0, std::move(x)};
}

void OnnxBuilder::output(const std::string& name, const PlanValue& y) {
  check(y.index + 1 == std::ssize(values_), "onnx: the output is the last step's result");
  describe(*graph_.add_output(), name, {y.shape[1]});
  graph_.mutable_node(graph_.node_size() - 1)->set_output(0, name);
}

PlanValue OnnxBuilder::conv(const PlanValue& x, const Conv2d& conv, const BatchNorm2d* norm,
                            ConvEpilogue epilogue) {
  const Conv2dProblem p =
      conv2d_problem("onnx: conv2d", x.shape, conv.weight.shape(), conv.options, DType::f32);
  const std::string& name = layer_names_.at(&conv);
  const FoldedFilter filter = fold(conv, norm);
  std::vector<std::string> inputs = {name_of(x),
                                     add_weights(name + ".weight", filter_to_file(filter.weight))};
  if (filter.bias) inputs.push_back(add_weights(name + ".bias", filter.bias));
  onnx::NodeProto* node = &add_node("Conv", name, inputs);
  const Conv2dOptions& o = conv.options;
  set_windows(*node, {p.kh, p.kw}, o.stride, o.pad);
  set_integers(*node, "dilations", {o.dilation.h, o.dilation.w});
  set_integer(*node, "group", o.groups);
  if (epilogue.residual)
    node = &add_node("Add", name + "/add", {node->output(0), name_of(*epilogue.residual)});
  if (epilogue.relu) node = &add_node("Relu", name + "/relu", {node->output(0)});
  return value(*node, {p.n, p.out_h(), p.out_w(), p.c_out});
}

PlanValue OnnxBuilder::relu(const PlanValue& x) {
  return value(add_node("Relu", "relu", {name_of(x)}), x.shape);
}

PlanValue OnnxBuilder::max_pool(const PlanValue& x, const MaxPool2dOptions& o) {
  const MaxPool2dProblem p = max_pool2d_problem("onnx: max_pool2d", x.shape, o);
  onnx::NodeProto& node = add_node("MaxPool", "max_pool", {name_of(x)});
  set_windows(node, o.kernel, o.stride, o.pad);
  set_integers(node, "dilations", {o.dilation.h, o.dilation.w});
  set_integer(node, "ceil_mode", o.ceil_mode);
  return value(node, {p.n, p.out_h(), p.out_w(), p.c});
}

PlanValue OnnxBuilder::average_pool(const PlanValue& x, const AveragePool2dOptions& o) {
  const AveragePool2dProblem p = average_pool2d_problem("onnx: average_pool2d", x.shape, o);
  onnx::NodeProto& node = add_node("AveragePool", "average_pool", {name_of(x)});
  set_windows(node, o.kernel, o.stride, o.pad);
  set_integer(node, "ceil_mode", o.ceil_mode);
  set_integer(node, "count_include_pad", o.count_include_pad);
  return value(node, {p.n, p.rows.outputs, p.columns.outputs, p.c});
}

PlanValue OnnxBuilder::global_average_pool(const PlanValue& x) {
  const onnx::NodeProto& mean = add_node("GlobalAveragePool", "global_average_pool", {name_of(x)});
  onnx::NodeProto& flat = add_node("Flatten", "features", {mean.output(0)});
  set_integer(flat, "axis", 1);
  return value(flat, {x.shape[0], x.shape[3]});
}

PlanValue OnnxBuilder::subsample(const PlanValue& x, std::int64_t stride, std::int64_t before,
                                 std::int64_t after) {
  const auto left = [stride](std::int64_t extent) { return (extent + stride - 1) / stride; };
  const std::string name = "shortcut";
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  const onnx::NodeProto& pixels =
      add_node("Slice", name,
               {name_of(x), add_integers(name + ".starts", {0, 0}),
                add_integers(name + ".ends", {kEnd, kEnd}), add_integers(name + ".axes", {2, 3}),
                add_integers(name + ".steps", {stride, stride})});
  const onnx::NodeProto& padded =
      add_node("Pad", name + "/pad",
               {pixels.output(0), add_integers(name + ".pads", {0, before, 0, 0, 0, after, 0, 0})});
  return value(padded,
               {x.shape[0], left(x.shape[1]), left(x.shape[2]), before + x.shape[3] + after});
}

PlanValue OnnxBuilder::linear(const PlanValue& x, const Tensor& weight, const Tensor& bias) {
  std::string name = "linear";
  for (const NamedTensor& s : network_.state()) {
    if (s.tensor.impl() == weight.impl()) name = s.name.substr(0, s.name.rfind('.'));
  }
  onnx::NodeProto& node = add_node(
      "Gemm", name,
      {name_of(x), add_weights(name + ".weight", weight), add_weights(name + ".bias", bias)});
  set_integer(node, "transB", 1);
  return value(node, {x.shape[0], weight.shape()[0]});
}

}  // namespace tl
