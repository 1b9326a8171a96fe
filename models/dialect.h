// Dialect: how programs other than torchvision name the tensors of the same networks. One file for
// each (dialect_*.cpp); a new one is a function and a line in dialect.cpp.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace tl {

struct Dialect {
  std::vector<std::string> stems;  ///< names that the first filters may have
  std::string first_stage;         ///< how the names of the first stage begin
  /// torchvision's name of a tensor of the network, and any other name as it is.
  std::string (*usual_name)(const std::string& name);
};

/// All of them; first torchvision's own, with what published CIFAR networks have instead.
const std::vector<Dialect>& dialects();

/// A network in a file: the names of one dialect behind a prefix ("module.", "model.backbone.").
struct NetworkNames {
  const Dialect* dialect = nullptr;  ///< null: there is none
  std::string prefix;
};
/// The one among these names, paths with dots. Of several it is one that is not another's moving
/// average (MoCo's encoder_k, a teacher), then one of the shortest prefix.
NetworkNames find_network(const std::set<std::string>& names);

/// Takes the word from the name's front, if it stands there.
bool take_front(std::string& name, const std::string& word);

std::string usual_name_torchvision(const std::string& name);
std::string usual_name_huggingface(const std::string& name);
std::string usual_name_openmmlab(const std::string& name);
std::string usual_name_cifar100(const std::string& name);
std::string usual_name_sequential(const std::string& name);
std::string usual_name_sequential_without_pool(const std::string& name);

}  // namespace tl
