#include "io/atomic_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "kernels/error.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;

std::string text_of(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("AtomicFile: the name appears at commit and nothing is left over") {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "a.txt");
    CHECK(file.temporary_path().parent_path() == folder.path());
    std::ofstream(file.temporary_path()) << "new";
    CHECK(!std::filesystem::exists(folder / "a.txt"));
    file.commit();
    CHECK(text_of(folder / "a.txt") == "new");
    CHECK_THROWS_AS(file.commit(), Error);
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("AtomicFile: without commit the old content stays") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.txt", "old");
  try {
    AtomicFile file(folder / "a.txt");
    std::ofstream(file.temporary_path()) << "half of it";
    throw 1;
  } catch (int) {
  }
  CHECK(text_of(folder / "a.txt") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("write_file_atomically: replaces, follows links, obeys the umask") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.txt", "one");
  std::filesystem::create_symlink("a.txt", folder / "link");
  write_file_atomically(folder / "link", std::string(200'000, 'x'));
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(text_of(folder / "a.txt").size() == 200'000);
  const mode_t mask = ::umask(027);
  write_file_atomically(folder / "b.txt", "");
  ::umask(mask);
  struct stat status;
  REQUIRE(::stat((folder / "b.txt").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
  CHECK(folder.entries() == 3);
}

TEST_CASE("AtomicFile: a device or a pipe is no file to replace, a link to one neither") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("pipe", folder / "link");
  for (const char* name : {"pipe", "link"}) {
    CHECK_THROWS_WITH_AS(AtomicFile(folder / name),
                         ((folder / name).string() +
                          ": is a device, a pipe or the like, which is not replaced by a file")
                             .c_str(),
                         Error);
  }
  CHECK(std::filesystem::is_fifo(folder / "pipe"));
  CHECK(folder.entries() == 2);
}

TEST_CASE("AtomicFile: refusals name the file") {
  const TemporaryFolder folder;
  const auto missing = folder.path() / "no" / "such" / "a.txt";
  CHECK(error_of([&] { AtomicFile file(missing); }) ==
        missing.string() + ": cannot be written: No such file or directory");
  CHECK(error_of([&] { AtomicFile file(folder.path()); }) ==
        folder.path().string() + ": is a folder, expected a file");
  const auto too_long = folder.path() / std::string(300, 'x');
  CHECK(error_of([&] { AtomicFile file(too_long); }) ==
        too_long.string() + ": cannot be written: File name too long");
  CHECK_THROWS_AS(AtomicFile file(too_long), Error);
  CHECK(folder.entries() == 0);
}

}  // namespace
}  // namespace tl
