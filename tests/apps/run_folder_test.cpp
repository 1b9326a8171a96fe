// RunFolder: made before the work, gone if the work failed, never over another run.
#include "apps/run_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "kernels/error.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

/// The working directory of a test, and back.
class InFolder {
 public:
  explicit InFolder(const std::filesystem::path& path) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  ~InFolder() { std::filesystem::current_path(before_); }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;

 private:
  std::filesystem::path before_;
};

void save(const RunFolder& run) { std::ofstream(run.best()) << "model"; }

}  // namespace

TEST_CASE("runs are numbered, and one that saved nothing leaves nothing") {
  const TemporaryFolder folder;
  const InFolder in(folder.path());
  CHECK_THROWS_AS(find_model(""), Error);
  {
    const RunFolder first("");
    CHECK(first.best() == "runs/1/best.h5");
    const RunFolder beside("");  // another program at the same time
    CHECK(beside.best() == "runs/2/best.h5");
    save(first);
  }
  CHECK(std::filesystem::exists("runs/1/best.h5"));
  CHECK(!std::filesystem::exists("runs/2"));
  std::filesystem::create_directory("runs/10");
  std::filesystem::create_directory("runs/latest");
  {
    const RunFolder next("");
    CHECK(next.best() == "runs/11/best.h5");
    CHECK(find_model("") == "runs/1/best.h5");
    save(next);
  }
  CHECK(find_model("") == "runs/11/best.h5");
}

TEST_CASE("a named folder keeps what it has") {
  const TemporaryFolder folder;
  {
    const RunFolder run(folder / "mine");
    save(run);
  }
  CHECK_THROWS_AS(RunFolder(folder / "mine"), Error);
  CHECK(std::filesystem::exists(folder / "mine/best.h5"));
  std::ofstream(folder / "file") << "x";
  CHECK_THROWS_AS(RunFolder(folder / "file/below"), Error);
}

TEST_CASE(
    "a run without a model leaves nothing behind; a folder with any of its files is refused") {
  const TemporaryFolder folder;
  {
    const RunFolder run(folder / "failed");
    std::ofstream(run.config()) << "{}";
    run.append_metrics("{}");
  }
  CHECK(!std::filesystem::exists(folder / "failed"));
  std::filesystem::create_directory(folder / "mine");
  {
    const RunFolder run(folder / "mine");
    std::ofstream(run.config()) << "{}";
  }
  CHECK(std::filesystem::is_empty(folder / "mine"));
  for (const char* name :
       {"best.h5", "last.h5", "best_head.h5", "last_head.h5", "metrics.jsonl", "config.json"}) {
    CAPTURE(name);
    std::ofstream(folder / "mine" / name) << "x";
    CHECK_THROWS_AS(RunFolder(folder / "mine"), Error);
    std::filesystem::remove(folder / "mine" / name);
  }
}

TEST_CASE("metrics are lines, appended") {
  const TemporaryFolder folder;
  const RunFolder run(folder / "run");
  run.append_metrics("{\"epoch\":1}");
  run.append_metrics("{\"epoch\":2}");
  std::ifstream file(run.metrics());
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "{\"epoch\":1}\n{\"epoch\":2}\n");
  save(run);
}

TEST_CASE("a model is found by its file, its run, or as the newest") {
  const TemporaryFolder folder;
  const InFolder in(folder.path());
  std::filesystem::create_directories("runs/2");
  std::ofstream("runs/2/best_head.h5") << "head";
  CHECK(find_model("") == "runs/2/best_head.h5");
  CHECK(find_model("runs/2") == "runs/2/best_head.h5");
  std::ofstream("runs/2/best.h5") << "model";
  CHECK(find_model("runs/2") == "runs/2/best.h5");
  CHECK(find_model("some/file.h5") == "some/file.h5");
  std::filesystem::create_directories("runs/3");
  CHECK_THROWS_WITH_AS(find_model("runs/3"), "runs/3: holds no model", Error);
  std::ofstream("runs/3/config.json") << "{}";
  CHECK_THROWS_WITH_AS(find_model("runs/3"),
                       "runs/3: holds no model; its run ended before its first epoch did", Error);
  CHECK(find_model("") == "runs/2/best.h5");
  std::ofstream("runs/3/model.safetensors") << "another program's, which has a config.json too";
  CHECK_THROWS_WITH_AS(find_model("runs/3"),
                       "runs/3: is a folder; the weights in it are model.safetensors", Error);
}

}  // namespace tl::test
