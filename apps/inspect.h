// tlrun inspect: what is in a weights file, a run, or a folder of pictures.
#pragma once

#include <string>

namespace tl {

struct InspectOptions {
  std::string path;
  std::string other;  ///< compare with this file; may be empty
  bool json = false;
  bool graph = false;  ///< of a network: the tape of one training step
};

/// Prints it. A weights file: format, architecture, classes, preprocessing, and for each tensor its
/// shape, dtype, smallest and largest number, mean, deviation and counts of NaNs and infinities. A
/// run's folder: its best model. Other folders: classes and how many pictures each has. Two files:
/// what differs (inspect_diff.h). Returns false if two files differ. Throws Error.
bool inspect(const InspectOptions& options);

}  // namespace tl
