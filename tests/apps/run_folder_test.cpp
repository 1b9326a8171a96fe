// RunFolder: made before the work, gone if the work failed, never over another run.
#include "apps/run_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

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

void save(const RunFolder& run) { std::ofstream(run.model()) << "model"; }

}  // namespace

TEST_CASE("runs are numbered, and one that saved nothing leaves nothing") {
  const TemporaryFolder folder;
  const InFolder in(folder.path());
  CHECK_THROWS_AS(newest_model(), Error);
  {
    const RunFolder first("");
    CHECK(first.model() == "runs/1/best.h5");
    const RunFolder beside("");  // another program at the same time
    CHECK(beside.model() == "runs/2/best.h5");
    save(first);
  }
  CHECK(std::filesystem::exists("runs/1/best.h5"));
  CHECK(!std::filesystem::exists("runs/2"));
  std::filesystem::create_directory("runs/10");
  std::filesystem::create_directory("runs/latest");
  {
    const RunFolder next("");
    CHECK(next.model() == "runs/11/best.h5");
    CHECK(newest_model() == "runs/1/best.h5");
    save(next);
  }
  CHECK(newest_model() == "runs/11/best.h5");
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

}  // namespace tl::test
