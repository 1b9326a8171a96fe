// Between a weights file and a module: names are matched, axis orders translated, and what did not
// fit is reported by name. Files hold the names of one of the dialects (dialect.h) and filters as
// [c_out, c_in, kh, kw]; modules hold torchvision's names and filters as [c_out, kh, kw, c_in].
#pragma once

#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "nn/module.h"

namespace tl {

/// [c_out, c_in, kh, kw] to [c_out, kh, kw, c_in]; tensors of other ranks as they are. The result
/// is on x's device.
Tensor filter_from_file(const Tensor& x);
/// And back.
Tensor filter_to_file(const Tensor& x);

/// torchvision's names for a file's, whose shapes decide with what a head is. A path through groups
/// has dots for its slashes; a network's dialect is translated (dialect.h), and what stands before
/// its names dropped ("module.", "model/"). Where no tensor is called fc.weight, the only other
/// layer in the file, if it takes the network's features, is the head, whatever its name
/// ("classifier.1.weight"). Other names stay. Throws where two tensors get the same.
std::map<std::string, std::string> usual_names(const std::map<std::string, Shape>& file);

/// The same entries under their usual names. A T is a Shape, or has one: Tensor, or io's Array.
template <class T>
std::map<std::string, T> with_usual_names(const std::map<std::string, T>& file) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, value] : file) {
    if constexpr (std::is_same_v<T, Shape>) {
      shapes.emplace(name, value);
    } else if constexpr (std::is_same_v<T, Tensor>) {
      shapes.emplace(name, value.shape());
    } else {
      shapes.emplace(name, Shape(value.shape));
    }
  }
  std::map<std::string, T> renamed;
  for (const auto& [name, usual] : usual_names(shapes)) renamed.emplace(usual, file.at(name));
  return renamed;
}

/// Whether a tensor is none of a network's: PyTorch's count of steps per batch norm, and what thop
/// leaves behind.
bool is_bookkeeping(const std::string& name);

struct ImportReport {
  std::vector<std::string> matched;
  std::vector<std::string> missing;      ///< the module has it, the file does not
  std::vector<std::string> unexpected;   ///< the file has it (usual name), the module does not
  std::vector<std::string> wrong_shape;  ///< "name: file [..], network [..]", or what is wrong
};

/// Copies every tensor of `file` (in the file's order, any float dtype) into the module's tensor of
/// its usual name, if the shapes agree; leaves the others alone.
ImportReport import_weights(const Module& module, const std::map<std::string, Tensor>& file);
/// The same where the names are usual ones already. Some tensors may have been taken out since:
/// what is left of a file could have another head.
ImportReport import_usual_weights(const Module& module, std::map<std::string, Tensor> usual);

/// A copy of all of a module's state, filters in the file's order.
std::map<std::string, Tensor> export_weights(const Module& module);

}  // namespace tl
