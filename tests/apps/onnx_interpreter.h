// Runs an ONNX graph of the operators that tlrun writes, on `ref` in f64: what the file says, read
// anew by the operators' definitions (https://github.com/onnx/onnx, docs/Operators.md).
#pragma once

#include <doctest/doctest.h>
#include <onnx.pb.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "models/weight_names.h"

namespace tl::test {

class OnnxInterpreter {
 public:
  explicit OnnxInterpreter(const onnx::GraphProto& graph) : graph_(graph) {
    for (const onnx::TensorProto& t : graph.initializer()) {
      if (t.data_type() == onnx::TensorProto::INT64) {
        integers_[t.name()] = values_of<std::int64_t>(t);
      } else {
        REQUIRE(t.data_type() == onnx::TensorProto::FLOAT);
        const std::vector<std::int64_t> dims(t.dims().begin(), t.dims().end());
        values_[t.name()] = Tensor::from(values_of<float>(t), Shape(dims), DType::f64, Device::ref);
      }
    }
  }

  /// x [n, h, w, c], f64 on `ref`, to the graph's one output.
  Tensor run(const Tensor& x) {
    values_[graph_.input(0).name()] = x;
    for (const onnx::NodeProto& node : graph_.node()) {
      REQUIRE(node.output_size() == 1);
      REQUIRE(!values_.contains(node.output(0)));  // a value is made once
      values_[node.output(0)] = result_of(node);
    }
    return values_.at(graph_.output(0).name());
  }

 private:
  template <class T>
  static std::vector<T> values_of(const onnx::TensorProto& t) {
    std::vector<T> values(t.raw_data().size() / sizeof(T));
    std::memcpy(values.data(), t.raw_data().data(), t.raw_data().size());
    return values;
  }

  static const onnx::AttributeProto* find(const onnx::NodeProto& node, const std::string& name) {
    for (const onnx::AttributeProto& a : node.attribute()) {
      if (a.name() == name) return &a;
    }
    return nullptr;
  }
  static std::int64_t integer(const onnx::NodeProto& node, const std::string& name) {
    const onnx::AttributeProto* a = find(node, name);
    return a ? a->i() : 0;
  }
  static Extent2 extent(const onnx::NodeProto& node, const std::string& name) {
    const onnx::AttributeProto* a = find(node, name);
    if (!a) return 1;
    REQUIRE(a->ints_size() >= 2);
    if (a->ints_size() == 4) {  // pads: before and behind, which are equal here
      REQUIRE(a->ints(2) == a->ints(0));
      REQUIRE(a->ints(3) == a->ints(1));
    }
    return {a->ints(0), a->ints(1)};
  }

  const Tensor& in(const onnx::NodeProto& node, int i) const { return values_.at(node.input(i)); }
  const std::vector<std::int64_t>& integers(const onnx::NodeProto& node, int i) const {
    return integers_.at(node.input(i));
  }

  Tensor result_of(const onnx::NodeProto& node) const {
    const std::string& type = node.op_type();
    const Tensor& x = in(node, 0);
    if (type == "Conv") return conv(node, x);
    if (type == "Relu") return relu(x);
    if (type == "Add") return add(x, in(node, 1));
    if (type == "MaxPool") {
      return max_pool2d(x, {.kernel = extent(node, "kernel_shape"),
                            .stride = extent(node, "strides"),
                            .pad = extent(node, "pads"),
                            .dilation = extent(node, "dilations"),
                            .ceil_mode = integer(node, "ceil_mode") != 0});
    }
    if (type == "AveragePool") {
      return average_pool2d(x, {.kernel = extent(node, "kernel_shape"),
                                .stride = extent(node, "strides"),
                                .pad = extent(node, "pads"),
                                .ceil_mode = integer(node, "ceil_mode") != 0,
                                .count_include_pad = integer(node, "count_include_pad") != 0});
    }
    if (type == "GlobalAveragePool") return global_average_pool(x);  // Flatten has no more to do
    if (type == "Flatten") {
      REQUIRE(integer(node, "axis") == 1);
      return x;
    }
    if (type == "Gemm") {
      REQUIRE(integer(node, "transB") == 1);
      return linear(x, in(node, 1), in(node, 2));
    }
    if (type == "Slice") return sliced(node, x);
    REQUIRE(type == "Pad");
    const auto& pads = integers(node, 1);  // of n, c, h, w: before, then behind
    REQUIRE(pads.size() == 8);
    return pad(x, {pads[0], pads[2], pads[3], pads[1]}, {pads[4], pads[6], pads[7], pads[5]});
  }

  Tensor conv(const onnx::NodeProto& node, const Tensor& x) const {
    const Tensor w = filter_from_file(in(node, 1));
    const Extent2 kernel = extent(node, "kernel_shape");
    REQUIRE(kernel == Extent2(w.shape()[1], w.shape()[2]));
    return conv2d(x, w, node.input_size() == 3 ? in(node, 2) : Tensor(),
                  {.stride = extent(node, "strides"),
                   .pad = extent(node, "pads"),
                   .dilation = extent(node, "dilations"),
                   .groups = integer(node, "group")});
  }

  Tensor sliced(const onnx::NodeProto& node, const Tensor& x) const {
    Tensor y = x;
    const auto &starts = integers(node, 1), &ends = integers(node, 2), &axes = integers(node, 3),
               &steps = integers(node, 4);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      REQUIRE(axes[i] >= 2);  // of n, c, h, w
      const int axis = static_cast<int>(axes[i]) - 1;
      y = slice(y, axis, starts[i], std::min(ends[i], y.shape()[axis]), steps[i]);
    }
    return y;
  }

  const onnx::GraphProto& graph_;
  std::map<std::string, Tensor> values_;
  std::map<std::string, std::vector<std::int64_t>> integers_;
};

}  // namespace tl::test
