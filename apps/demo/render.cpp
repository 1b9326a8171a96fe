#include "apps/demo/render.h"

#include <cstdio>
#include <vector>

#include "apps/demo/tasks.h"
#include "io/png_write.h"
#include "kernels/error.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

std::string file_name(std::int64_t index) {
  const std::string number = std::to_string(index + 1);
  return std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number + ".png";
}

void render_class(const SceneTask& task, std::int64_t label, std::int64_t count, std::uint64_t seed,
                  const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": cannot be created: ", error.message());
  parallel_for(count, [&](std::int64_t i, int) {
    write_png(folder / file_name(i), scene_picture(task, Part::training, label, i, seed));
  });
}

}  // namespace

void render(const RenderOptions& options) {
  std::vector<SceneTask> tasks = {source_task(), balanced_task(), imbalanced_task()};
  if (!options.task.empty()) tasks = {scene_task(options.task)};
  for (const SceneTask& task : tasks) {
    const fs::path folder = options.out / task.name;
    std::int64_t written = 0;
    for (std::size_t c = 0; c < task.classes.size(); ++c) {
      const std::int64_t count = options.count > 0 ? options.count : task.training[c];
      render_class(task, static_cast<std::int64_t>(c), count, options.seed,
                   folder / task.classes[c].name);
      written += count;
    }
    std::printf("%s: %lld pictures of %zu classes\n", folder.c_str(),
                static_cast<long long>(written), task.classes.size());
  }
}

}  // namespace tl
