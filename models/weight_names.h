// Between a weights file and a module: names are matched, axis orders translated, and what did not
// fit is reported by name. Files hold torchvision's names and filters as [c_out, c_in, kh, kw];
// modules hold filters as [c_out, kh, kw, c_in].
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nn/module.h"

namespace tl {

/// [c_out, c_in, kh, kw] to [c_out, kh, kw, c_in]; tensors of other ranks as they are. The result
/// is on x's device.
Tensor filter_from_file(const Tensor& x);
/// And back.
Tensor filter_to_file(const Tensor& x);

struct ImportReport {
  std::vector<std::string> matched;
  std::vector<std::string> missing;      ///< the module has it, the file does not
  std::vector<std::string> unexpected;   ///< the file has it, the module does not
  std::vector<std::string> wrong_shape;  ///< "name: file [..], network [..]", or not a float
};

/// Copies every tensor of `file` (in the file's order, any float dtype) into the module's tensor of
/// the same name, if the shapes agree; leaves the others alone.
ImportReport import_weights(const Module& module, const std::map<std::string, Tensor>& file);

/// A copy of all of a module's state, filters in the file's order.
std::map<std::string, Tensor> export_weights(const Module& module);

}  // namespace tl
