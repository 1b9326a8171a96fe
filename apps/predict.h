// tlrun predict: the classes of pictures, by a model that train wrote.
#pragma once

#include <string>
#include <vector>

namespace tl {

struct PredictOptions {
  std::string model;  ///< file; empty: the newest run's
  std::vector<std::string> images;
  std::string device = "cpu";
  int top = 3;
};

/// Prints a line per picture: the most probable classes. A picture that cannot be read gets its
/// line on standard error; returns whether all could.
bool predict(const PredictOptions& options);

}  // namespace tl
