// Between a weights file and a module: names are matched, axis orders translated, and what did not
// fit is reported by name. Files hold torchvision's names, or those that published CIFAR networks
// have instead, and filters as [c_out, c_in, kh, kw]; modules hold torchvision's names and filters
// as [c_out, kh, kw, c_in].
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "nn/module.h"

namespace tl {

/// [c_out, c_in, kh, kw] to [c_out, kh, kw, c_in]; tensors of other ranks as they are. The result
/// is on x's device.
Tensor filter_from_file(const Tensor& x);
/// And back.
Tensor filter_to_file(const Tensor& x);

/// torchvision's name for a tensor: a path through groups has dots for its slashes
/// ("layer1/0/conv1/weight"), the head "linear" is "fc", a block's "shortcut" its "downsample"; any
/// other name is its own.
std::string usual_name(const std::string& path);

/// What stands before the names of a network that was a part of something ("module.", "model/"):
/// that of the shortest path to conv1.weight, if a stage follows it; "" where nothing does.
std::string prefix_of_network(const std::set<std::string>& paths);

/// The same entries under their usual names, without a prefix; throws where two get the same.
template <class T>
std::map<std::string, T> with_usual_names(const std::map<std::string, T>& file) {
  std::set<std::string> paths;
  for (const auto& [name, value] : file) paths.insert(name);
  const std::string prefix = prefix_of_network(paths);
  std::map<std::string, T> renamed;
  for (const auto& [name, value] : file) {
    const std::string usual =
        usual_name(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
    check(renamed.emplace(usual, value).second, "two tensors are called ", usual,
          ", one of them by the name ", name);
  }
  return renamed;
}

struct ImportReport {
  std::vector<std::string> matched;
  std::vector<std::string> missing;      ///< the module has it, the file does not
  std::vector<std::string> unexpected;   ///< the file has it (usual name), the module does not
  std::vector<std::string> wrong_shape;  ///< "name: file [..], network [..]", or what is wrong
};

/// Copies every tensor of `file` (in the file's order, any float dtype) into the module's tensor of
/// its usual name, if the shapes agree; leaves the others alone.
ImportReport import_weights(const Module& module, const std::map<std::string, Tensor>& file);

/// A copy of all of a module's state, filters in the file's order.
std::map<std::string, Tensor> export_weights(const Module& module);

}  // namespace tl
