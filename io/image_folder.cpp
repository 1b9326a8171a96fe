// Reading order: names and endings, one class folder, a folder of classes, the split,
// scan_image_folder.
#include "io/image_folder.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

/// Deeper than this is a link that leads back into itself.
constexpr int max_depth = 32;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// What a folder holds, hidden names left out, in bytewise order of names.
std::vector<fs::path> entries_of(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    if (!is_hidden(it->path())) entries.push_back(it->path());
  }
  check(!error, dir.string(), ": ", error.message());
  std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename().string() < b.filename().string();
  });
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;  // a link to nowhere is no folder
  return fs::is_directory(path, ignored);
}

using FolderAndName = std::pair<std::string, std::string>;

void collect(const fs::path& dir, int depth, std::vector<FolderAndName>& pictures,
             int64_t& skipped) {
  check(depth < max_depth, dir.string(), ": folders nested over ", max_depth,
        " deep; is there a link to a folder above?");
  for (const fs::path& entry : entries_of(dir)) {
    if (is_folder(entry)) {
      collect(entry, depth + 1, pictures, skipped);
    } else if (is_picture(entry)) {
      pictures.emplace_back(dir.string(), entry.filename().string());
    } else {
      ++skipped;
    }
  }
}

/// Pictures below a class folder, ordered by folder, then by name: torchvision sorts what os.walk
/// gives.
std::vector<fs::path> pictures_below(const fs::path& dir, int64_t& skipped) {
  std::vector<FolderAndName> found;
  collect(dir, 0, found, skipped);
  std::sort(found.begin(), found.end());
  std::vector<fs::path> pictures;
  pictures.reserve(found.size());
  for (const auto& [folder, name] : found) pictures.push_back(fs::path(folder) / name);
  return pictures;
}

/// Refuses a name that JSON cannot hold: what is trained is saved with its class names as JSON.
void check_class_name(const fs::path& dir, const std::string& name) {
  using nlohmann::json;
  try {
    (void)json(name).dump();
  } catch (const json::exception&) {
    const std::string shown = json(name).dump(-1, ' ', true, json::error_handler_t::replace);
    throw Error(concat(dir.string(), ": the name of class folder ", shown, " is not UTF-8"));
  }
}

/// The class folders in `dir`; loose files are counted as skipped.
std::vector<std::string> classes_in(const fs::path& dir, int64_t& skipped) {
  std::vector<std::string> classes;
  for (const fs::path& entry : entries_of(dir)) {
    if (is_folder(entry)) {
      classes.push_back(entry.filename().string());
      check_class_name(dir, classes.back());
    } else {
      ++skipped;
    }
  }
  return classes;
}

/// The classes of a training folder, refused when nothing can be learnt from them.
std::vector<std::string> training_classes(const fs::path& dir, int64_t& skipped) {
  std::vector<std::string> classes = classes_in(dir, skipped);
  check(!classes.empty(), dir.string(), ": no class, expected one folder of pictures per class");
  check(classes.size() > 1, dir.string(), ": one class only (", classes.front(),
        "), expected a folder for each of two or more");
  return classes;
}

void append(std::vector<Sample>& samples, const std::vector<fs::path>& pictures, int label) {
  for (const fs::path& picture : pictures) samples.push_back({picture, label});
}

/// Which of n pictures go to validation. Fisher-Yates by hand on the raw 64-bit numbers, for
/// std::shuffle and the std distributions differ between standard libraries. A class depends on the
/// seed and its own number alone.
std::vector<bool> draw_validation(size_t n, double fraction, uint64_t seed, int label) {
  auto count = static_cast<size_t>(std::llround(fraction * static_cast<double>(n)));
  if (fraction > 0) count = std::clamp<size_t>(count, 1, n);
  count = std::min(count, n - 1);
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  std::mt19937_64 random(seed + static_cast<uint64_t>(label));
  for (size_t i = n - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
  std::vector<bool> chosen(n, false);
  for (size_t i = 0; i < count; ++i) chosen[order[i]] = true;
  return chosen;
}

void check_fraction(double fraction) {
  check(fraction >= 0 && fraction < 1, "validation fraction ", fraction,
        ", expected at least 0 and under 1");
}

/// Validation pictures from their own folder. A training class may be missing there, not the
/// reverse.
void read_validation(const fs::path& dir, ImageFolder& folder) {
  for (const std::string& name : classes_in(dir, folder.skipped)) {
    const auto found = std::find(folder.classes.begin(), folder.classes.end(), name);
    check(found != folder.classes.end(), (dir / name).string(),
          ": a class that the training folder does not have");
    append(folder.val, pictures_below(dir / name, folder.skipped),
           static_cast<int>(found - folder.classes.begin()));
  }
  check(!folder.val.empty(), dir.string(), ": no pictures (.jpg, .jpeg, .png)");
}

}  // namespace

ImageFolder scan_image_folder(const fs::path& dir, double val_fraction, uint64_t seed) {
  check_fraction(val_fraction);
  std::error_code ignored;
  check(fs::exists(dir, ignored), dir.string(), ": no such folder");
  check(is_folder(dir), dir.string(), ": not a folder");

  const bool has_train = is_folder(dir / "train");
  const fs::path val_dir = is_folder(dir / "val") ? dir / "val" : dir / "test";
  check(has_train || !is_folder(dir / "val"), dir.string(), ": has val/ but no train/");
  const bool has_val = has_train && is_folder(val_dir);
  const fs::path train_dir = has_train ? dir / "train" : dir;

  ImageFolder folder;
  folder.classes = training_classes(train_dir, folder.skipped);
  for (size_t i = 0; i < folder.classes.size(); ++i) {
    const fs::path class_dir = train_dir / folder.classes[i];
    const std::vector<fs::path> pictures = pictures_below(class_dir, folder.skipped);
    const int label = static_cast<int>(i);
    check(!pictures.empty(), class_dir.string(), ": no pictures (.jpg, .jpeg, .png)");
    if (has_val) {
      append(folder.train, pictures, label);
      continue;
    }
    const std::vector<bool> chosen = draw_validation(pictures.size(), val_fraction, seed, label);
    for (size_t k = 0; k < pictures.size(); ++k) {
      (chosen[k] ? folder.val : folder.train).push_back({pictures[k], label});
    }
  }
  if (has_val) read_validation(val_dir, folder);
  return folder;
}

}  // namespace tl
