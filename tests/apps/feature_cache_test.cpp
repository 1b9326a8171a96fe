// FeatureCache: what is kept comes back, what is damaged or foreign does not, and room is bounded.
#include "apps/feature_cache.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "kernels/error.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

namespace fs = std::filesystem;

Digest digest(std::uint64_t number) { return {number, ~number}; }

/// Of picture `number`: exact in f32, and another one for every picture and column.
std::vector<float> row(std::uint64_t number, std::size_t columns = 3) {
  std::vector<float> features;
  for (std::size_t i = 0; i < columns; ++i)
    features.push_back(static_cast<float>(number) + static_cast<float>(i) / 8);
  return features;
}

void keep(const fs::path& folder, const std::string& key, std::vector<std::uint64_t> pictures,
          std::uint64_t most_bytes = kMostFeatureBytes) {
  FeatureCache cache(folder, key, 3, most_bytes);
  for (const std::uint64_t number : pictures) cache.add(digest(number), row(number));
}

bool knows(const FeatureCache& cache, std::uint64_t number) {
  const auto found = cache.find(digest(number));
  if (found.empty()) return false;
  CHECK(std::vector<float>(found.begin(), found.end()) == row(number, found.size()));
  return true;
}

fs::path file_of(const fs::path& folder, const std::string& key) {
  return FeatureCache(folder, key, 3).path();
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// While it lives, what is printed on standard error goes into a file.
class CapturedErrors {
 public:
  explicit CapturedErrors(const TemporaryFolder& folder) : path_(folder / "stderr.txt") {
    std::fflush(stderr);
    kept_ = ::dup(2);
    REQUIRE(std::freopen(path_.c_str(), "w", stderr) != nullptr);
  }
  ~CapturedErrors() {
    std::fflush(stderr);
    ::dup2(kept_, 2);
    ::close(kept_);
  }
  std::string text() const {
    std::fflush(stderr);
    return content_of(path_);
  }

 private:
  fs::path path_;
  int kept_;
};

}  // namespace

TEST_CASE("features come back bit for bit, from one run to the next and the one after") {
  const TemporaryFolder folder;
  keep(folder.path(), "net", {1, 2});
  {
    FeatureCache cache(folder.path(), "net", 3);
    CHECK(knows(cache, 1));
    CHECK(knows(cache, 2));
    CHECK(!knows(cache, 3));
    CHECK(cache.hits() == 0);
    cache.use(digest(1));
    CHECK(cache.hits() == 1);
    cache.add(digest(3), row(3));
    CHECK(!knows(cache, 3));  // not in the file yet
  }
  const FeatureCache cache(folder.path(), "net", 3);
  for (const std::uint64_t number : {1, 2, 3}) CHECK(knows(cache, number));
  CHECK(!knows(FeatureCache(folder.path(), "another net", 3), 1));
  CHECK(TemporaryFolder().entries() == 0);
}

TEST_CASE("every byte of the file counts: cut short anywhere or changed anywhere, it is replaced") {
  const TemporaryFolder folder;
  keep(folder.path(), "net", {1, 2});
  const fs::path path = file_of(folder.path(), "net");
  const std::string whole = content_of(path);
  const CapturedErrors errors(folder);
  const auto is_refused = [&](const std::string& content) {
    write(path, content);
    const FeatureCache cache(folder.path(), "net", 3);
    return !knows(cache, 1) && !knows(cache, 2);
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CAPTURE(i);
    CHECK(is_refused(whole.substr(0, i)));
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    CHECK(is_refused(changed));
  }
  CHECK(is_refused(whole + "x"));
  CHECK(!is_refused(whole));
  write(path, "no features");
  keep(folder.path(), "net", {1, 2});
  CHECK(content_of(path) == whole);
}

TEST_CASE("a file that is not used is named in one line") {
  const TemporaryFolder folder;
  keep(folder.path(), "net", {1});
  const fs::path path = file_of(folder.path(), "net");
  const std::string whole = content_of(path);
  const auto line = [&](const std::string& content, std::int64_t columns = 3) {
    write(path, content);
    const CapturedErrors errors(folder);
    const FeatureCache cache(folder.path(), "net", columns);
    const std::string text = errors.text(), end = "; its features are computed again\n";
    REQUIRE(text.starts_with(path.string() + ": "));
    REQUIRE(text.ends_with(end));
    return text.substr(path.string().size() + 2,
                       text.size() - path.string().size() - 2 - end.size());
  };
  CHECK(line("") == "empty file");
  CHECK(line(std::string(100, 'x')) ==
        "not a file of features, or one of another version of tlrun");
  CHECK(line(whole.substr(0, whole.size() - 1)) == "truncated file of features");
  CHECK(line(whole + "x") == "damaged");
  CHECK(line(whole, 4) == "has 3 features per picture, expected 4");
  keep(folder.path(), "other", {1});
  CHECK(line(content_of(file_of(folder.path(), "other"))) ==
        "holds the features of another network");
}

TEST_CASE("short of room, used and new rows stay, and no row of a full file is lost in vain") {
  const TemporaryFolder folder;
  keep(folder.path(), "net", {1, 2, 3, 4});
  const auto full = fs::file_size(file_of(folder.path(), "net"));
  {
    FeatureCache cache(folder.path(), "net", 3, full);
    cache.use(digest(3));
    cache.add(digest(5), row(5));
    cache.add(digest(6), row(6));
    cache.add(digest(5), row(5));  // a picture that the folder holds twice takes one row
  }
  CHECK(fs::file_size(file_of(folder.path(), "net")) == full);
  const FeatureCache cache(folder.path(), "net", 3);
  for (const std::uint64_t number : {3, 5, 6, 1}) CHECK(knows(cache, number));
  for (const std::uint64_t number : {2, 4}) CHECK(!knows(cache, number));
}

TEST_CASE("short of room, the files that were not used for longest go") {
  const TemporaryFolder folder;
  const auto age = [&](const std::string& key, int hours) {
    fs::last_write_time(file_of(folder.path(), key),
                        fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (const char* key : {"a", "b", "c"}) keep(folder.path(), key, {1});
  const auto one = fs::file_size(file_of(folder.path(), "a"));
  const auto exists = [&](const std::string& key) {
    const std::string name = to_text(digest_of(std::as_bytes(std::span(key)))) + ".features";
    return fs::exists(folder / "features" / name);
  };
  const auto write_old = [&](const std::string& name) {
    const fs::path path = folder / "features" / name;
    write(path, std::string(one, 'x'));
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(9));
    return path;
  };
  const std::string digits(32, 'a');
  const fs::path left_over = write_old("." + digits + ".features.1.0.tmp");
  std::vector<fs::path> not_ours;  // the folder may be somebody's
  for (const std::string& name : {std::string("a.features"), digits, digits + "a.features",
                                  "x" + digits.substr(1) + ".features", std::string("a.npy")})
    not_ours.push_back(write_old(name));
  age("a", 3);
  age("b", 2);
  age("c", 1);
  keep(folder.path(), "d", {2}, 4 * one);
  CHECK(!fs::exists(left_over));
  for (const char* key : {"a", "b", "c", "d"}) CHECK(exists(key));
  age("b", 2), age("c", 1), age("d", 0);
  { const FeatureCache read_only(folder.path(), "a", 3, 4 * one); }  // was used just now
  keep(folder.path(), "e", {1}, 3 * one);
  CHECK(!exists("b"));
  CHECK(!exists("c"));
  for (const char* key : {"a", "d", "e"}) CHECK(exists(key));
  for (const fs::path& path : not_ours) CHECK_MESSAGE(fs::exists(path), path.string());
}

TEST_CASE("a place that cannot be written to: one line, and all goes on") {
  const TemporaryFolder folder;
  write(folder / "file", "");
  const CapturedErrors errors(folder);
  keep(folder / "file", "net", {1});
  CHECK(errors.text() == "features are not kept: " + (folder / "file/features").string() +
                             ": cannot be created: Not a directory\n");
}

TEST_CASE("no folder: nothing is kept, nothing is said") {
  const TemporaryFolder folder;
  const CapturedErrors errors(folder);
  FeatureCache cache("", "net", 3);
  cache.add(digest(1), row(1));
  cache.save();
  CHECK(!cache.is_on());
  CHECK(!knows(cache, 1));
  CHECK(errors.text() == "");
}

TEST_CASE("the folder: TLRUN_CACHE, else below XDG_CACHE_HOME, else below HOME") {
  struct Variable {
    explicit Variable(const char* n) : name(n) {
      if (const char* value = std::getenv(n)) kept = value;
    }
    ~Variable() { kept ? ::setenv(name, kept->c_str(), 1) : ::unsetenv(name); }
    const char* name;
    std::optional<std::string> kept;
  };
  const Variable tlrun("TLRUN_CACHE"), xdg("XDG_CACHE_HOME"), home("HOME");
  ::setenv("TLRUN_CACHE", "/a", 1);
  ::setenv("XDG_CACHE_HOME", "/b", 1);
  ::setenv("HOME", "/c", 1);
  CHECK(cache_folder() == "/a");
  ::setenv("TLRUN_CACHE", "", 1);
  CHECK(cache_folder() == "/b/tlrun");
  ::unsetenv("XDG_CACHE_HOME");
  CHECK(cache_folder() == "/c/.cache/tlrun");
  ::unsetenv("HOME");
  CHECK(cache_folder() == "");
}

}  // namespace tl::test
