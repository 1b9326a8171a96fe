// Where runs are kept: runs/1, runs/2, ...
#pragma once

#include <filesystem>

namespace tl {

/// A folder for what a run writes, made before the work starts, so that a run that cannot be saved
/// is refused at once.
class RunFolder {
 public:
  /// Makes `wanted`, or the first free runs/N when it is empty. Throws Error when it cannot be made
  /// or written to, or holds a model already.
  explicit RunFolder(const std::filesystem::path& wanted);
  /// Removes the folder if it was made here and nothing was put into it.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  std::filesystem::path model() const { return path_ / "best.h5"; }

 private:
  std::filesystem::path path_;
  bool is_new_ = false;
};

/// The model of the newest run; throws when there is none.
std::filesystem::path newest_model();

}  // namespace tl
