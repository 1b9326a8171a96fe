#include "apps/run_folder.h"

#include <charconv>
#include <string>

#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

/// The largest N of the folders runs/N for which `wanted` holds; 0 without one.
template <class F>
int largest_run(const F& wanted) {
  int largest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("runs", ignored)) {
    const std::string name = entry.path().filename().string();
    int number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size() && wanted(entry.path()))
      largest = std::max(largest, number);
  }
  return largest;
}

fs::path run_path(int number) { return fs::path("runs") / std::to_string(number); }

}  // namespace

fs::path make_run_folder(const fs::path& wanted) {
  const fs::path folder =
      !wanted.empty() ? wanted : run_path(1 + largest_run([](const fs::path&) { return true; }));
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": cannot be created: ", error.message());
  return folder;
}

fs::path newest_model() {
  const int run = largest_run([](const fs::path& p) { return fs::exists(p / "best.h5"); });
  check(run > 0, "runs: no model here yet; train one, or name one with --model");
  return run_path(run) / "best.h5";
}

}  // namespace tl
