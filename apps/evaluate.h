// tlrun eval: how good a model is on labelled pictures.
#pragma once

#include <string>

namespace tl {

struct EvaluateOptions {
  std::string model;  ///< file or run; empty: the newest run
  std::string data;
  std::string split = "val";  ///< val, test or all
  std::string device = "cpu";
  bool json = false;
  bool strict = false;
};

/// Prints accuracy, balanced accuracy, macro F1, ROC-AUC, a table of the classes and the confusion
/// matrix; with json, one object. A data set without a validation folder is split as it was in the
/// model's training, where the model lies in its run's folder. Throws Error.
void evaluate(const EvaluateOptions& options);

}  // namespace tl
