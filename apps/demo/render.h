// tlrun render: the demo's pictures as files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tl {

struct RenderOptions {
  std::filesystem::path out;
  std::string task;        ///< of apps/demo/tasks.h; empty: all
  std::int64_t count = 0;  ///< pictures of every class; 0: as many as the task has for training
  std::uint64_t seed = 0;
};

/// Writes the training pictures to OUT/TASK/CLASS/0001.png and so on; files of these names are
/// replaced, others stay. Prints a line per task. Throws Error("path: cause").
void render(const RenderOptions& options);

}  // namespace tl
