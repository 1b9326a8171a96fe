// Where runs are kept: runs/1, runs/2, ... A finished run holds
//
//   best.h5        the model of the best epoch, complete (apps/model_file.h)
//   last.h5        the model as it was at the end
//   metrics.jsonl  a line per epoch
//   config.json    what was asked for, and what it ran on
//   trace.json     with --profile: every kernel over time
//
// A run with a frozen backbone writes best_head.h5 and last_head.h5 while it is under way, at most
// once a second, and replaces them by best.h5 and last.h5 when it ends: an epoch then costs
// kilobytes, if anything. Each file is whole at any moment; what metrics.jsonl has, it keeps.
#pragma once

#include <filesystem>
#include <string>

namespace tl {

/// A folder for what a run writes, made before the work starts, so that a run that cannot be saved
/// is refused at once.
class RunFolder {
 public:
  /// Makes `wanted`, or the first free runs/N when it is empty. Throws Error when it cannot be made
  /// or written to, or holds a run already.
  explicit RunFolder(const std::filesystem::path& wanted);
  /// Removes what a run without any model left, and the folder if it was made here.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path best() const { return path_ / "best.h5"; }
  std::filesystem::path last() const { return path_ / "last.h5"; }
  std::filesystem::path best_head() const { return path_ / "best_head.h5"; }
  std::filesystem::path last_head() const { return path_ / "last_head.h5"; }
  std::filesystem::path config() const { return path_ / "config.json"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path trace() const { return path_ / "trace.json"; }

  /// Appends `line` and its end to metrics.jsonl in one write. Throws Error("path: cause").
  void append_metrics(const std::string& line) const;

 private:
  std::filesystem::path path_;
  bool is_new_ = false;
};

/// The model file that the user means: `given` itself, or where that is a run's folder, its
/// best.h5, or best_head.h5 of a run that was killed. With nothing given, that of the newest run in
/// runs/. Throws Error saying what there is instead.
std::filesystem::path find_model(const std::filesystem::path& given);

}  // namespace tl
