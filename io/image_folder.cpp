// Reading order: the split folders of a root (find_splits), the classes of a training folder
// (training_classes), the pictures of one split (SplitReader::read), scan_image_folder.
#include "io/image_folder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "io/class_names.h"
#include "io/file_bytes.h"
#include "io/folder_walk.h"
#include "io/stratified_split.h"
#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool has_folders(const fs::path& dir) { return !entries_of(dir).folders.empty(); }

/// The one folder with one of these names, in any case.
std::optional<fs::path> find_named(const std::vector<fs::path>& folders,
                                   std::initializer_list<std::string_view> names) {
  std::optional<fs::path> found;
  for (const fs::path& folder : folders) {
    const std::string name = lower_case(folder.filename().string());
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    check(!found, folder.string(), ": stands beside ", found ? found->filename().string() : "",
          "/, expected one of them");
    found = folder;
  }
  return found;
}

/// Where the class folders of each list are.
struct Splits {
  std::optional<fs::path> train, val, test;
  std::vector<std::string> notes;
};

/// A root without a train/ that holds classes: it is the training folder itself, and `named`, which
/// have names of splits, are classes as well.
Splits classes_alone(const fs::path& dir, const std::vector<fs::path>& named) {
  Splits splits{dir, {}, {}, {}};
  for (const fs::path& folder : named) {
    const std::string name = folder.filename().string();
    check(!has_folders(folder), dir.string(), ": has ", name,
          "/ but no train/, expected both, or class folders alone");
    splits.notes.push_back(concat(folder.string(), ": taken for a class, for there is no train/ ",
                                  "with class folders"));
  }
  return splits;
}

/// train/, val/ and test/ below `dir`, or `dir` itself.
Splits find_splits(const fs::path& dir, const std::vector<fs::path>& folders, bool evaluates) {
  Splits splits{find_named(folders, {"train"}),
                find_named(folders, {"val", "valid", "validation"}),
                find_named(folders, {"test"}),
                {}};
  std::vector<fs::path> named, others = folders;
  for (const auto& split : {splits.train, splits.val, splits.test}) {
    if (!split) continue;
    named.push_back(*split);
    std::erase(others, *split);
  }

  if (splits.train && !has_folders(*splits.train)) {
    check(!others.empty(), splits.train->string(), ": no class folders, expected ",
          (*splits.train / "CLASS" / "1.jpg").string());
    splits.train.reset();
  }
  if (!splits.train) {
    const bool is_split = std::any_of(named.begin(), named.end(), has_folders);
    return evaluates && is_split ? splits : classes_alone(dir, named);
  }
  for (const fs::path& folder : others)
    splits.notes.push_back(concat(folder.string(), ": stands beside ",
                                  splits.train->filename().string(), "/, passed over"));
  if (splits.test && !has_folders(*splits.test)) {
    splits.notes.push_back(concat(
        splits.test->string(), ": no class folders, so what it holds has no class, passed over"));
    splits.test.reset();
  }
  if (!splits.val) std::swap(splits.val, splits.test);
  return splits;
}

/// The class names of a training folder, refused when nothing can be learnt from them.
std::vector<std::string> training_classes(const fs::path& dir) {
  const FolderEntries entries = entries_of(dir);
  const auto pictures = std::count_if(entries.files.begin(), entries.files.end(), is_picture_name);
  check(!entries.folders.empty(), dir.string(), ": ", pictures > 0 ? "pictures but " : "",
        "no class folders, expected one folder of pictures per class, as in ",
        (dir / "CLASS" / "1.jpg").string());
  std::vector<std::string> classes;
  for (const fs::path& folder : entries.folders) {
    classes.push_back(folder.filename().string());
    check_class_name(dir, classes.back());
  }
  const bool is_wrapped = entries_of(entries.folders.front()).folders.size() > 1;
  check(classes.size() > 1, dir.string(), ": one class only (", classes.front(),
        "), expected a folder for each of two or more",
        is_wrapped ? ", as there are in " + entries.folders.front().string() : "");
  return classes;
}

class SplitReader {
 public:
  /// `above`: folders that no link may lead back to.
  SplitReader(Dataset& data, std::vector<fs::path> above, bool evaluates)
      : data_(data), above_(std::move(above)), evaluates_(evaluates) {
    for (size_t i = 0; i < data.classes.size(); ++i)
      label_of_[data.classes[i]] = static_cast<int>(i);
  }

  /// The pictures of all class folders in `dir`, class by class. Every class must have some where
  /// `wants_all`.
  void read(const fs::path& dir, bool wants_all, std::vector<Sample>& samples) {
    const FolderEntries entries = entries_of(dir);
    note_loose_files(dir, entries.files);
    const std::set<FolderId> known = ids_of(entries.folders);
    for (const fs::path& folder : entries.folders) {
      const auto label = label_of_.find(folder.filename().string());
      check(label != label_of_.end(), folder.string(), ": a class that the ",
            evaluates_ ? "model" : "training folder",
            " does not have; rename the folder or move it away");
      PicturesBelow below = pictures_below(folder, known);
      check(!below.pictures.empty() || !wants_all, folder.string(), ": no pictures (",
            list_of_endings(), "); put some in or remove the folder");
      for (fs::path& picture : below.pictures)
        samples.push_back({std::move(picture), label->second});
      data_.skipped += below.others;
      data_.notes.insert(data_.notes.end(), below.notes.begin(), below.notes.end());
    }
    check(!samples.empty(), dir.string(), ": no pictures (", list_of_endings(),
          ") in class folders");
  }

 private:
  void note_loose_files(const fs::path& dir, const std::vector<fs::path>& files) {
    data_.skipped += std::ssize(files);
    const auto pictures = std::count_if(files.begin(), files.end(), is_picture_name);
    if (pictures > 0)
      data_.notes.push_back(concat(
          dir.string(), ": pictures that lie in no class folder: ", pictures, ", passed over"));
  }

  /// Of the class folders and of those above them; refuses a folder that stands for two classes, or
  /// in two lists.
  std::set<FolderId> ids_of(const std::vector<fs::path>& folders) {
    std::set<FolderId> ids;
    for (const fs::path& folder : above_) ids.insert(folder_id(folder));
    for (const fs::path& folder : folders) {
      const FolderId id = folder_id(folder);
      const auto [other, is_new] = class_folders_.try_emplace(id, folder);
      check(is_new, folder.string(), ": the same folder as ", other->second.string(),
            ", expected pictures of its own");
      check(ids.insert(id).second, folder.string(), ": a link to a folder above it");
    }
    return ids;
  }

  Dataset& data_;
  const std::vector<fs::path> above_;
  const bool evaluates_;
  std::map<std::string, int> label_of_;
  std::map<FolderId, fs::path> class_folders_;
};

void check_different(const std::optional<fs::path>& a, const std::optional<fs::path>& b) {
  if (!a || !b) return;
  check(folder_id(*a) != folder_id(*b), b->string(), ": the same folder as ", a->string(),
        ", expected pictures of its own");
}

}  // namespace

Dataset scan_image_folder(const fs::path& dir, const DatasetOptions& options) {
  check_val_fraction(options.val_fraction);
  std::error_code ignored;
  check(file_exists(dir), dir.string(), ": no such folder");
  check(fs::is_directory(dir, ignored), dir.string(), ": not a folder");

  const bool evaluates = !options.classes.empty();
  Splits splits = find_splits(dir, entries_of(dir).folders, evaluates);
  check_different(splits.train, splits.val);
  check_different(splits.train, splits.test);
  check_different(splits.val, splits.test);

  Dataset data;
  data.layout = "folders of pictures";
  data.classes = evaluates ? options.classes : training_classes(*splits.train);
  data.notes = std::move(splits.notes);
  std::vector<fs::path> above{dir};
  for (const auto& split : {splits.train, splits.val, splits.test})
    if (split) above.push_back(*split);
  SplitReader reader(data, above, evaluates);
  if (splits.train) reader.read(*splits.train, !evaluates, data.train);
  if (splits.val) reader.read(*splits.val, false, data.val);
  if (splits.test) reader.read(*splits.test, false, data.test);
  if (!splits.val) stratified_split(data.train, data.val, options.val_fraction, options.seed);
  return data;
}

}  // namespace tl
