#include "io/image_folder.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/error.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;

void touch(const TemporaryFolder& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names) write_bytes(folder / name, {1});
}

std::vector<std::string> names_of(const TemporaryFolder& folder,
                                  const std::vector<Sample>& samples) {
  std::vector<std::string> names;
  for (const Sample& sample : samples) {
    names.push_back(std::filesystem::relative(sample.path, folder.path()).string() + " " +
                    std::to_string(sample.label));
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("scan_image_folder: train and val folders, torchvision's order") {
  const TemporaryFolder folder;
  // Sub-folders come in order of their whole path: "a", "a b", "a/c"; names bytewise, capitals
  // first.
  touch(folder,
        {"train/cat/b.jpg", "train/cat/B.JPG", "train/cat/a.PnG", "train/cat/sub/0.jpeg",
         "train/cat/.hidden.jpg", "train/cat/note.txt", "train/ant/x.jpg", "train/.git/x.jpg",
         "train/cat/s b/9.jpg", "train/loose.jpg", "val/cat/1.jpg", "val/ant/2.jpg"});
  const ImageFolder scanned = scan_image_folder(folder.path(), 0.5, 1);
  CHECK(scanned.classes == Names{"ant", "cat"});
  CHECK(names_of(folder, scanned.train) ==
        Names{"train/ant/x.jpg 0", "train/cat/B.JPG 1", "train/cat/a.PnG 1", "train/cat/b.jpg 1",
              "train/cat/s b/9.jpg 1", "train/cat/sub/0.jpeg 1"});
  CHECK(names_of(folder, scanned.val) == Names{"val/ant/2.jpg 0", "val/cat/1.jpg 1"});
  CHECK(scanned.skipped == 2);  // note.txt and the loose picture
}

TEST_CASE("scan_image_folder: test/ stands in for val/, and a class may be missing there") {
  const TemporaryFolder folder;
  touch(folder, {"train/a/1.jpg", "train/b/1.jpg", "test/b/2.jpg"});
  const ImageFolder scanned = scan_image_folder(folder.path(), 0, 1);
  CHECK(names_of(folder, scanned.val) == Names{"test/b/2.jpg 1"});
}

TEST_CASE("scan_image_folder: the split is stratified, complete and decided by the seed") {
  const TemporaryFolder folder;
  for (int i = 0; i < 20; ++i) touch(folder, {concat("a/", i, ".jpg")});
  for (int i = 0; i < 5; ++i) touch(folder, {concat("b/", i, ".jpg")});
  touch(folder, {"c/only.jpg"});
  const auto split = [&](double fraction, uint64_t seed) {
    return scan_image_folder(folder.path(), fraction, seed);
  };
  const auto count = [](const std::vector<Sample>& samples, int label) {
    return std::count_if(samples.begin(), samples.end(),
                         [&](const Sample& s) { return s.label == label; });
  };
  const ImageFolder scanned = split(0.2, 3);
  CHECK(count(scanned.val, 0) == 4);
  CHECK(count(scanned.val, 1) == 1);
  CHECK(count(scanned.val, 2) == 0);  // never all of a class
  CHECK(scanned.train.size() + scanned.val.size() == 26);
  Names all = names_of(folder, scanned.train), val = names_of(folder, scanned.val);
  CHECK(std::is_sorted(all.begin(), all.end()));
  all.insert(all.end(), val.begin(), val.end());
  std::sort(all.begin(), all.end());
  CHECK(std::unique(all.begin(), all.end()) == all.end());

  CHECK(names_of(folder, split(0.2, 3).val) == val);
  CHECK(names_of(folder, split(0.2, 4).val) != val);
  CHECK(split(0, 3).val.empty());
  CHECK(count(split(0.01, 3).val, 0) == 1);
  CHECK(count(split(0.99, 3).val, 1) == 4);
  // mt19937_64 is specified to the bit, so this holds on every platform.
  CHECK(val == Names{"a/10.jpg 0", "a/14.jpg 0", "a/8.jpg 0", "a/9.jpg 0", "b/1.jpg 1"});
}

TEST_CASE("scan_image_folder: what cannot be learnt from is refused in words") {
  const auto refusal = [](const Names& names, const Names& folders = {}, double fraction = 0.2) {
    const TemporaryFolder folder;
    touch(folder, names);
    for (const std::string& name : folders) std::filesystem::create_directories(folder / name);
    std::string text = error_of([&] { scan_image_folder(folder.path(), fraction, 1); });
    const std::string prefix = folder.path().string();
    return text.starts_with(prefix) ? concat("DIR", text.substr(prefix.size())) : text;
  };
  CHECK(refusal({"a/1.jpg", "b/1.jpg"}) == "");
  CHECK(refusal({}) == "DIR: no class, expected one folder of pictures per class");
  CHECK(refusal({"1.jpg", "2.jpg"}) == "DIR: no class, expected one folder of pictures per class");
  CHECK(refusal({"a/1.jpg"}) ==
        "DIR: one class only (a), expected a folder for each of two or more");
  CHECK(refusal({"a/1.jpg", "b/1.gif"}) == "DIR/b: no pictures (.jpg, .jpeg, .png)");
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg"}, {"train/c"}) ==
        "DIR/train/c: no pictures (.jpg, .jpeg, .png)");
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg"}) ==
        "DIR/val/c: a class that the training folder does not have");
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg"}, {"val"}) ==
        "DIR/val: no pictures (.jpg, .jpeg, .png)");
  CHECK(refusal({"a/1.jpg", "caf\xe9/1.jpg"}) ==
        R"(DIR: the name of class folder "caf\ufffd" is not UTF-8)");
  CHECK(refusal({"a/1.jpg", "caf\xc3\xa9/1.jpg"}) == "");
  CHECK(refusal({"val/a/1.jpg", "val/b/1.jpg", "x/1.jpg"}) == "DIR: has val/ but no train/");
  CHECK(refusal({"a/1.jpg", "b/1.jpg"}, {}, 1) ==
        "validation fraction 1, expected at least 0 and under 1");
  CHECK(error_of([] { scan_image_folder("/no/such/folder", 0, 1); }) ==
        "/no/such/folder: no such folder");

  const TemporaryFolder folder;
  touch(folder, {"file", "loop/a/1.jpg", "loop/b/1.jpg"});
  CHECK(error_of([&] { scan_image_folder(folder / "file", 0, 1); }).ends_with(": not a folder"));
  std::filesystem::create_directory_symlink("..", folder / "loop/a/up");
  CHECK(is_one_line(error_of([&] { scan_image_folder(folder / "loop", 0, 1); })));
}

}  // namespace
}  // namespace tl
