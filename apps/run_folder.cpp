#include "apps/run_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "io/check_system.h"
#include "io/other_weights.h"
#include "io/unique_fd.h"
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

void check_made(const std::error_code& error, const fs::path& path) {
  check(!error, path.string(), ": cannot be created: ", error.message());
}

/// The best model in a run's folder; empty if there is none.
fs::path model_in(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"best.h5", "best_head.h5"}) {
    if (fs::exists(folder / name, ignored)) return folder / name;
  }
  return {};
}

/// Of two programs that want the same number, one makes the folder and the other goes on.
fs::path make_numbered_folder() {
  std::error_code error;
  fs::create_directories("runs", error);
  check_made(error, "runs");
  int number = largest_run([](const fs::path&) { return true; });
  bool made = false;
  while (!made) {
    made = fs::create_directory(run_path(++number), error);
    check_made(error, run_path(number));
  }
  return run_path(number);
}

}  // namespace

RunFolder::RunFolder(const fs::path& wanted) : path_(wanted) {
  if (wanted.empty()) {
    path_ = make_numbered_folder();
    is_new_ = true;
  } else {
    std::error_code error;
    is_new_ = fs::create_directories(wanted, error);
    check_made(error, wanted);
  }
  check(access(path_.c_str(), W_OK) == 0, path_.string(), ": is not writable");
  for (const fs::path& file : {best(), last(), best_head(), last_head(), metrics(), config()})
    check(!fs::exists(file), file.string(), ": exists already; choose another folder");
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (model_in(path_).empty()) {
    fs::remove(metrics(), ignored);
    fs::remove(config(), ignored);
  }
  if (is_new_) fs::remove(path_, ignored);  // fails, as it should, when there is something in it
}

void RunFolder::append_metrics(const std::string& line) const {
  const UniqueFd file(::open(metrics().c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  check_system(file.get() >= 0, metrics().string());
  const std::string bytes = line + "\n";
  check_system(::write(file.get(), bytes.data(), bytes.size()) == std::ssize(bytes),
               metrics().string());
}

fs::path find_model(const fs::path& given) {
  if (given.empty()) {
    const int run = largest_run([](const fs::path& p) { return !model_in(p).empty(); });
    check(run > 0, "runs: no model here yet; train one, or name one with --model");
    return model_in(run_path(run));
  }
  std::error_code ignored;
  if (!fs::is_directory(given, ignored)) return given;
  const fs::path model = model_in(given);
  const std::string advice =
      model.empty() ? advice_on_path(given) : "";  // another program's folder
  check(advice.empty(), given.string(), ": ", advice);
  check(!model.empty(), given.string(), ": holds no model",
        fs::exists(given / "config.json") ? "; its run ended before its first epoch did" : "");
  return model;
}

}  // namespace tl
