// OnnxBuilder: the PlanBuilder that writes an ONNX graph. Each step becomes one node, a convolution
// up to three (Conv, Add, Relu), with its batch norm folded in. ONNX's pictures are [n, c, h, w];
// the shapes of PlanValues stay ours, [n, h, w, c].
// Source: https://github.com/onnx/onnx, docs/Operators.md, operator set 17.
#pragma once

#include <onnx.pb.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "nn/module.h"
#include "nn/plan_builder.h"

namespace tl {

class OnnxBuilder : public PlanBuilder {
 public:
  /// Nodes and initialisers are called as `network`'s layers and tensors are. Both must outlive
  /// this.
  OnnxBuilder(const Module& network, onnx::GraphProto& graph);

  /// The graph's input, x [any number, h, w, c]. Once, and first.
  PlanValue input(const std::string& name, Shape x);
  /// Makes y [n, classes], the result of the last step, the graph's output.
  void output(const std::string& name, const PlanValue& y);

  PlanValue conv(const PlanValue& x, const Conv2d& conv, const BatchNorm2d* norm,
                 ConvEpilogue epilogue) override;
  PlanValue relu(const PlanValue& x) override;
  PlanValue max_pool(const PlanValue& x, const MaxPool2dOptions& options) override;
  PlanValue average_pool(const PlanValue& x, const AveragePool2dOptions& options) override;
  PlanValue global_average_pool(const PlanValue& x) override;
  PlanValue subsample(const PlanValue& x, std::int64_t stride, std::int64_t before,
                      std::int64_t after) override;
  PlanValue linear(const PlanValue& x, const Tensor& weight, const Tensor& bias) override;

 private:
  /// `wanted`, with a number behind it where a node has that name already.
  std::string unused_name(const std::string& wanted);
  /// A node of one output, which is called as the node.
  onnx::NodeProto& add_node(const std::string& type, const std::string& name,
                            const std::vector<std::string>& inputs);
  PlanValue value(const onnx::NodeProto& node, Shape shape);
  const std::string& name_of(const PlanValue& x) const;

  std::string add_weights(const std::string& name, const Tensor& x);
  std::string add_integers(const std::string& name, const std::vector<std::int64_t>& values);

  const Module& network_;
  onnx::GraphProto& graph_;
  std::map<const Module*, std::string> layer_names_;
  std::set<std::string> names_;
  std::vector<std::string> values_;  // by PlanValue::index
};

}  // namespace tl
