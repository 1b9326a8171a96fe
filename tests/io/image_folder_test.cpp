#include "io/image_folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "io/folder_walk.h"
#include "io/sandbox.h"
#include "kernels/error.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;
using Names = std::vector<std::string>;

void touch_files(const TemporaryFolder& folder, const Names& names) {
  for (const std::string& name : names) write_bytes(folder / name, {1});
}

void link(const TemporaryFolder& folder, const std::string& to, const std::string& name) {
  std::filesystem::create_directory_symlink(to, folder / name);
}

Names names_in(const TemporaryFolder& folder, const std::vector<Sample>& samples) {
  Names names;
  for (const Sample& sample : samples) {
    names.push_back(sample.path.lexically_relative(folder.path()).string() + " " +
                    std::to_string(sample.label));
  }
  return names;
}

/// Text with the folder's path as "DIR".
std::string shortened(const TemporaryFolder& folder, std::string text) {
  const std::string path = folder.path().string();
  for (size_t at; (at = text.find(path)) != std::string::npos;)
    text.replace(at, path.size(), "DIR");
  return text;
}

Names notes_of(const TemporaryFolder& folder, const Dataset& data) {
  Names notes;
  for (const std::string& note : data.notes) notes.push_back(shortened(folder, note));
  return notes;
}

Dataset scan(const TemporaryFolder& folder, double fraction = 0, const Names& classes = {}) {
  return scan_image_folder(folder.path(), DatasetOptions{fraction, 1, classes});
}

TEST_CASE("scan_image_folder: train and val folders, torchvision's order") {
  const TemporaryFolder folder;
  // Sub-folders come in order of their whole path: "sub", "sub b", "sub/deep"; names bytewise,
  // capitals first.
  touch_files(folder,
              {"train/cat/b.jpg", "train/cat/B.JPG", "train/cat/a.PnG", "train/cat/sub/0.jpeg",
               "train/cat/sub b/8.jpg", "train/cat/sub/deep/7.jpg", "train/cat/.hidden.jpg",
               "train/cat/note.txt", "train/ant/x.jpg", "train/.git/x.jpg", "train/cat/s b/9.jpg",
               "train/loose.jpg", "val/cat/1.jpg", "val/ant/2.jpg", "README"});
  const Dataset scanned = scan(folder, 0.5);
  CHECK(scanned.layout == "folders of pictures");
  CHECK(scanned.classes == Names{"ant", "cat"});
  CHECK(names_in(folder, scanned.train) ==
        Names{"train/ant/x.jpg 0", "train/cat/B.JPG 1", "train/cat/a.PnG 1", "train/cat/b.jpg 1",
              "train/cat/s b/9.jpg 1", "train/cat/sub/0.jpeg 1", "train/cat/sub b/8.jpg 1",
              "train/cat/sub/deep/7.jpg 1"});
  CHECK(names_in(folder, scanned.val) == Names{"val/ant/2.jpg 0", "val/cat/1.jpg 1"});
  CHECK(scanned.test.empty());
  CHECK(scanned.skipped == 2);  // note.txt and the loose picture
  CHECK(notes_of(folder, scanned) ==
        Names{"DIR/train: pictures that lie in no class folder: 1, passed over"});
}

TEST_CASE("scan_image_folder: every ending, in any case") {
  const TemporaryFolder folder;
  touch_files(folder, {"a/1.jpg", "b/1.JPEG", "b/2.Bmp", "b/3.gif", "b/4.webp", "b/5.PNG",
                       "b/6.tif", "b/jpg", "b/7.jpg.txt"});
  const Dataset scanned = scan(folder);
  CHECK(names_in(folder, scanned.train) ==
        Names{"a/1.jpg 0", "b/1.JPEG 1", "b/2.Bmp 1", "b/3.gif 1", "b/4.webp 1", "b/5.PNG 1"});
  CHECK(scanned.skipped == 3);
}

TEST_CASE("scan_image_folder: test/ stands in for val/, and a class may be missing there") {
  const TemporaryFolder folder;
  touch_files(folder, {"Train/a/1.jpg", "Train/b/1.jpg", "TEST/b/2.jpg"});
  const Dataset scanned = scan(folder, 0.5);
  CHECK(names_in(folder, scanned.train) == Names{"Train/a/1.jpg 0", "Train/b/1.jpg 1"});
  CHECK(names_in(folder, scanned.val) == Names{"TEST/b/2.jpg 1"});
  CHECK(scanned.test.empty());
}

TEST_CASE("scan_image_folder: beside a val/ of any name, test/ is a list of its own") {
  for (const std::string val : {"val", "valid", "Validation"}) {
    const TemporaryFolder folder;
    touch_files(folder, {"train/a/1.jpg", "train/b/1.jpg", val + "/b/2.jpg", "test/a/3.jpg",
                         "extra/z/1.jpg"});
    const Dataset scanned = scan(folder, 0.5);
    CHECK(names_in(folder, scanned.train) == Names{"train/a/1.jpg 0", "train/b/1.jpg 1"});
    CHECK(names_in(folder, scanned.val) == Names{val + "/b/2.jpg 1"});
    CHECK(names_in(folder, scanned.test) == Names{"test/a/3.jpg 0"});
    CHECK(notes_of(folder, scanned) == Names{"DIR/extra: stands beside train/, passed over"});
  }
}

TEST_CASE("scan_image_folder: pictures of a competition's test/ have no class") {
  const TemporaryFolder folder;
  touch_files(folder,
              {"train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg", "test/1.jpg"});
  const Dataset scanned = scan(folder, 0.5);
  CHECK(scanned.train.size() == 2);
  CHECK(scanned.val.size() == 2);
  CHECK(notes_of(folder, scanned) ==
        Names{"DIR/test: no class folders, so what it holds has no class, passed over"});
}

TEST_CASE("scan_image_folder: classes may be called train and test") {
  const TemporaryFolder folder;
  touch_files(folder, {"bus/1.jpg", "train/1.jpg", "test/2.jpg", "1.jpg"});
  const Dataset scanned = scan(folder);
  CHECK(scanned.classes == Names{"bus", "test", "train"});
  CHECK(names_in(folder, scanned.train) == Names{"bus/1.jpg 0", "test/2.jpg 1", "train/1.jpg 2"});
  CHECK(notes_of(folder, scanned) ==
        Names{"DIR/train: taken for a class, for there is no train/ with class folders",
              "DIR/test: taken for a class, for there is no train/ with class folders",
              "DIR: pictures that lie in no class folder: 1, passed over"});
}

TEST_CASE("scan_image_folder: names with spaces and UTF-8, hidden ones, links to pictures") {
  const TemporaryFolder folder;
  touch_files(folder, {"big dog/a b.jpg", "caf\xc3\xa9/\xe5\xad\xa6.jpg", ".cache/1.jpg",
                       "big dog/.x/1.jpg"});
  std::filesystem::create_symlink("a b.jpg", folder / "big dog/link.jpg");
  std::filesystem::create_symlink("nowhere", folder / "big dog/to nowhere.jpg");
  link(folder, "nowhere", "dead");
  const Dataset scanned = scan(folder);
  CHECK(scanned.classes == Names{"big dog", "caf\xc3\xa9"});
  CHECK(names_in(folder, scanned.train) == Names{"big dog/a b.jpg 0", "big dog/link.jpg 0",
                                                 "big dog/to nowhere.jpg 0",
                                                 "caf\xc3\xa9/\xe5\xad\xa6.jpg 1"});
  CHECK(scanned.skipped == 1);  // the dead link
}

TEST_CASE("scan_image_folder: links to folders are followed, no folder is read twice") {
  const TemporaryFolder folder;
  touch_files(folder, {"imgs/a/1.jpg", "imgs/b/1.jpg", "elsewhere/2.jpg", "elsewhere/deep/3.jpg"});
  link(folder, "../../elsewhere", "imgs/a/more");
  link(folder, "../../elsewhere/deep", "imgs/a/again");
  link(folder, "..", "imgs/a/up");
  link(folder, ".", "imgs/a/self");
  link(folder, "../a", "imgs/b/other class");
  const Dataset scanned = scan_image_folder(folder / "imgs", DatasetOptions{0, 1, {}});
  Names train;
  for (const Sample& sample : scanned.train)
    train.push_back(shortened(folder, sample.path.string()) + " " + std::to_string(sample.label));
  CHECK(train == Names{"DIR/imgs/a/1.jpg 0", "DIR/imgs/a/again/3.jpg 0", "DIR/imgs/a/more/2.jpg 0",
                       "DIR/imgs/b/1.jpg 1"});
  const std::string note = ": a link to a folder that is read elsewhere, passed over";
  CHECK(notes_of(folder, scanned) == Names{"DIR/imgs/a/more/deep" + note, "DIR/imgs/a/self" + note,
                                           "DIR/imgs/a/up" + note,
                                           "DIR/imgs/b/other class" + note});
}

TEST_CASE("scan_image_folder: links that branch at each of 40 levels end") {
  const TemporaryFolder folder;
  touch_files(folder, {"imgs/a/1.jpg", "imgs/b/1.jpg"});
  for (int i = 0; i < 40; ++i) {
    const std::string level = concat("level", i);
    std::filesystem::create_directory(folder / level);
    write_bytes(folder / (level + "/1.jpg"), {1});
    if (i == 39) continue;
    link(folder, concat("../level", i + 1), level + "/left");
    link(folder, concat("../level", i + 1), level + "/right");
  }
  link(folder, "../../level0", "imgs/a/levels");
  const Dataset scanned = scan_image_folder(folder / "imgs", DatasetOptions{0, 1, {}});
  CHECK(scanned.train.size() == 42);
  CHECK(scanned.notes.size() == 39);
}

TEST_CASE("scan_image_folder: with a network's classes, for evaluation") {
  const Names classes{"a", "b", "c"};
  {
    const TemporaryFolder folder;
    touch_files(folder, {"c/1.jpg"});
    std::filesystem::create_directory(folder / "b");
    const Dataset scanned = scan(folder, 0, classes);
    CHECK(scanned.classes == classes);
    CHECK(names_in(folder, scanned.train) == Names{"c/1.jpg 2"});
    CHECK(scanned.val.empty());
  }
  {
    const TemporaryFolder folder;
    touch_files(folder, {"val/b/1.jpg", "test/c/1.jpg"});
    const Dataset scanned = scan(folder, 0.5, classes);
    CHECK(scanned.train.empty());
    CHECK(names_in(folder, scanned.val) == Names{"val/b/1.jpg 1"});
    CHECK(names_in(folder, scanned.test) == Names{"test/c/1.jpg 2"});
  }
  const TemporaryFolder folder;
  touch_files(folder, {"c/1.jpg", "d/1.jpg"});
  CHECK(shortened(folder, error_of([&] { scan(folder, 0, classes); })) ==
        "DIR/d: a class that the model does not have; rename the folder or move it away");
}

TEST_CASE("scan_image_folder: what cannot be learnt from is refused in words") {
  const auto refusal = [](const Names& names, const Names& folders = {}, double fraction = 0.2) {
    const TemporaryFolder folder;
    touch_files(folder, names);
    for (const std::string& name : folders) std::filesystem::create_directories(folder / name);
    return shortened(folder, error_of([&] { scan(folder, fraction); }));
  };
  const std::string endings = list_of_endings();
  CHECK(endings.starts_with(".jpg, .jpeg, "));
  CHECK(refusal({"a/1.jpg", "b/1.jpg"}) == "");
  CHECK(refusal({}) ==
        "DIR: no class folders, expected one folder of pictures per class, as in DIR/CLASS/1.jpg");
  CHECK(refusal({"1.jpg", "2.jpg"}) ==
        "DIR: pictures but no class folders, expected one folder of pictures per class, as in "
        "DIR/CLASS/1.jpg");
  CHECK(refusal({"a/1.jpg"}) ==
        "DIR: one class only (a), expected a folder for each of two or more");
  CHECK(refusal({"photos/a/1.jpg", "photos/b/1.jpg"}) ==
        "DIR: one class only (photos), expected a folder for each of two or more, as there are in "
        "DIR/photos");
  CHECK(refusal({"a/1.jpg", "b/1.tif"}) ==
        concat("DIR/b: no pictures (", endings, "); put some in or remove the folder"));
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg"}, {"train/c"}) ==
        concat("DIR/train/c: no pictures (", endings, "); put some in or remove the folder"));
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg"}) ==
        "DIR/val/c: a class that the training folder does not have; rename the folder or move it "
        "away");
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "test/c/1.jpg"}) ==
        "DIR/test/c: a class that the training folder does not have; rename the folder or move it "
        "away");
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg"}, {"val/a"}) ==
        concat("DIR/val: no pictures (", endings, ") in class folders"));
  CHECK(refusal({"train/1.jpg", "val/a/1.jpg"}) ==
        "DIR/train: no class folders, expected DIR/train/CLASS/1.jpg");
  CHECK(refusal({"train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"}) ==
        "DIR/valid: stands beside val/, expected one of them");
  CHECK(refusal({"val/a/1.jpg", "val/b/1.jpg", "x/1.jpg"}) ==
        "DIR: has val/ but no train/, expected both, or class folders alone");
  CHECK(refusal({"a/1.jpg", "caf\xe9/1.jpg"}) ==
        R"(DIR: the class name "caf\ufffd" is not UTF-8; rename it)");
  CHECK(refusal({"a/1.jpg", "two\nlines/1.jpg"}) ==
        R"(DIR: the class name "two\nlines" holds a control character; rename it)");
  CHECK(refusal({"a/1.jpg", "b/1.jpg"}, {}, 1) ==
        "validation fraction 1, expected at least 0 and under 1");
  CHECK(error_of([] { scan_image_folder("/no/such/folder", DatasetOptions{}); }) ==
        "/no/such/folder: no such folder");
  const TemporaryFolder folder;
  touch_files(folder, {"file"});
  CHECK(error_of([&] {
          scan_image_folder(folder / "file", DatasetOptions{});
        }).ends_with(": not a folder"));
}

TEST_CASE("scan_image_folder: one folder for two classes, or for training and validation") {
  const auto refusal = [](const std::string& to, const std::string& name) {
    const TemporaryFolder folder;
    touch_files(folder, {"train/a/1.jpg", "train/b/1.jpg", "val/b/1.jpg"});
    std::filesystem::remove_all(folder / name);
    link(folder, to, name);
    return shortened(folder, error_of([&] { scan(folder); }));
  };
  CHECK(refusal("a", "train/c") ==
        "DIR/train/c: the same folder as DIR/train/a, expected pictures of its own");
  CHECK(refusal("../train/b", "val/b") ==
        "DIR/val/b: the same folder as DIR/train/b, expected pictures of its own");
  CHECK(refusal("train", "val") ==
        "DIR/val: the same folder as DIR/train, expected pictures of its own");
  CHECK(refusal("..", "train/c") == "DIR/train/c: a link to a folder above it");
}

TEST_CASE("scan_image_folder: a folder that may not be read is refused") {
  const TemporaryFolder folder;
  touch_files(folder, {"a/1.jpg", "b/1.jpg", "b/locked/2.jpg"});
  ::chmod(folder.path().c_str(), 0755);
  ::chmod((folder / "b/locked").c_str(), 0);
  const std::string text = error_of([&] {
    run_in_child({}, [&]() -> std::string {
      if (::geteuid() == 0 && ::setuid(65534) != 0) return "";  // root may read everything
      scan(folder);
      return "";
    });
  });
  ::chmod((folder / "b/locked").c_str(), 0700);
  CHECK(shortened(folder, text) ==
        "DIR/b/locked: Permission denied; make the folder readable or move it away");
}

}  // namespace
}  // namespace tl
