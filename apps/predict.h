// tlrun predict: the classes of pictures, by a model that train wrote.
#pragma once

#include <string>
#include <vector>

namespace tl {

struct PredictOptions {
  std::string model;                ///< file or run; empty: the newest run
  std::vector<std::string> images;  ///< files, and folders with all pictures below them
  std::string device = "cpu";
  int top = 3;
  bool json = false;
  bool strict = false;
};

/// Prints a line per picture: the most probable classes; with json, an object per line. A picture
/// that cannot be read gets its line on standard error; returns whether all could.
bool predict(const PredictOptions& options);

}  // namespace tl
