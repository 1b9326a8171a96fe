// tlrun inspect: what is in a weights file, a run, or a folder of pictures.
#pragma once

#include <string>

namespace tl {

struct InspectOptions {
  std::string path;
  bool json = false;
  bool graph = false;  ///< of a network: the tape of one training step
};

/// Prints it. A weights file: format, architecture, classes, preprocessing, and for each tensor its
/// shape, dtype, smallest and largest number, mean, deviation and count of NaNs. A run's folder:
/// its best model. Other folders: classes and how many pictures each has. Throws Error.
void inspect(const InspectOptions& options);

}  // namespace tl
