// tlrun export: a trained model for other programs' runtimes.
#pragma once

#include <string>

namespace tl {

struct ExportOptions {
  std::string model;  ///< file of a network, or a run's folder
  std::string out;    ///< .onnx
};

/// What is wrong with `out` as a file to export to, by its ending; "" for nothing.
std::string check_export_target(const std::string& out);

/// Writes `out`, whole or not at all (apps/onnx/write_onnx.h), and prints what it takes and gives.
/// A plain weights file goes as well: its classes have no names, its pictures are prepared as
/// torchvision does. An `out` that exists is replaced, but never `model`. Throws Error, also where
/// the network has no head.
void export_model(const ExportOptions& options);

}  // namespace tl
