// Pictures on disk as batches, and the account of those that cannot be read.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "apps/batch_source.h"

namespace tl {

/// Broken pictures of a run. Each is named on standard error the first time it is met.
class BrokenPictures {
 public:
  /// strict: the first one is an Error.
  explicit BrokenPictures(bool strict) : strict_(strict) {}
  void add(const std::string& path, const std::string& cause);
  std::size_t count() const { return paths_.size(); }

 private:
  bool strict_;
  std::set<std::string> paths_;
};

/// One pass over the samples in the given order (BatchLoader). `broken` must outlive the result.
BatchSource batches_of(const std::vector<Sample>& samples, std::vector<std::int64_t> order,
                       const Preprocessing& preprocessing, const LoaderOptions& options,
                       BrokenPictures& broken);
/// The same in their own order.
BatchSource batches_of(const std::vector<Sample>& samples, const Preprocessing& preprocessing,
                       BrokenPictures& broken);

}  // namespace tl
