// Progress: a bar on a terminal, nothing elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tl {

/// Draws "features  [######....]  96/244  41/s" on standard error, if that is a terminal; the
/// destructor clears the line.
class Progress {
 public:
  Progress(std::string label, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::int64_t total_;
  bool shown_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace tl
