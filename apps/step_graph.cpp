#include "apps/step_graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "apps/metrics_report.h"
#include "models/resnet.h"

namespace tl {
namespace {

/// All nodes below `node`, the newest first, which is the order of backward.
std::vector<const Node*> nodes_below(const Node* node) {
  std::set<std::pair<std::uint64_t, const Node*>> found;
  std::vector<const Node*> open = {node};
  while (!open.empty()) {
    const Node* next = open.back();
    open.pop_back();
    if (!found.emplace(next->number, next).second) continue;
    for (const Node::Edge& edge : next->inputs)
      if (edge.node) open.push_back(edge.node.get());
  }
  std::vector<const Node*> order;
  for (auto it = found.rbegin(); it != found.rend(); ++it) order.push_back(it->second);
  return order;
}

class GraphText {
 public:
  GraphText(const Module& network, const std::vector<const Node*>& order) : order_(order) {
    for (const NamedTensor& p : network.parameters()) leaves_[p.tensor.impl().get()] = p.name;
    for (const auto& [path, module] : network.modules()) layers_[module] = path;
    std::size_t number = order.size();
    for (const Node* node : order) numbers_[node] = number--;
  }

  std::string table() const {
    std::size_t op_width = 0, layer_width = 5;
    for (const Node* node : order_) {
      op_width = std::max(op_width, std::string(node->name).size());
      layer_width = std::max(layer_width, layer_of(*node).size());
    }
    std::string text = padded("number", 8) + padded("op", op_width + 2) +
                       padded("layer", layer_width + 2) + "gradients go to\n";
    for (const Node* node : order_) {
      text += padded(concat("#", numbers_.at(node)), 8) + padded(node->name, op_width + 2) +
              padded(layer_of(*node), layer_width + 2) + targets_of(*node) + "\n";
    }
    return text;
  }

 private:
  std::string layer_of(const Node& node) const {
    const auto found = layers_.find(node.layer);
    return found == layers_.end() ? "" : found->second;
  }

  std::string targets_of(const Node& node) const {
    std::string text;
    for (const Node::Edge& edge : node.inputs) {
      if (!edge) continue;
      text += text.empty() ? "" : ", ";
      text += edge.node ? concat("#", numbers_.at(edge.node.get())) : leaves_.at(edge.leaf.get());
      text += concat(" ", edge.shape);
    }
    return text;
  }

  const std::vector<const Node*>& order_;
  std::map<const TensorImpl*, std::string> leaves_;
  std::map<Layer, std::string> layers_;
  std::map<const Node*, std::size_t> numbers_;
};

}  // namespace

std::string step_graph(const ResNetConfig& config) {
  ResNetConfig c = config;
  c.classes = std::max<std::int64_t>(c.classes, 2);
  const Placement where;
  Generator random(0);
  ResNet network(c, random, where);
  const std::int64_t side = c.stem == ResNetStem::conv3 ? 32 : 64;
  const Shape picture{2, side, side, c.in_channels};
  const Tensor x = Tensor::from(random.normal(picture.size()), picture, where.dtype, where.device);
  const Tensor labels = Tensor::zeros({2}, DType::i32, where.device);
  const Tensor loss = cross_entropy(network(x), labels);
  const auto order = nodes_below(loss.impl()->node.get());
  return concat(name_of(c), ", 2 pictures of ", side, " x ", side, ": ", order.size(),
                " ops on the tape; backward visits them in this order\n\n") +
         GraphText(network, order).table();
}

}  // namespace tl
