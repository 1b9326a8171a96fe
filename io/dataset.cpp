#include "io/dataset.h"

#include <algorithm>
#include <optional>

#include "io/file_bytes.h"
#include "io/image_folder.h"
#include "io/packed_cifar.h"
#include "io/packed_idx.h"
#include "io/packed_pictures.h"
#include "io/stratified_split.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

/// The folder with packed files: `dir`, or where the archives of the sets and torchvision put them
/// below it.
std::optional<fs::path> find_packed(const fs::path& dir) {
  if (has_cifar(dir) || has_idx(dir)) return dir;
  std::optional<fs::path> found;
  for (const char* below :
       {"cifar-10-batches-bin", "cifar-100-binary", "raw", "MNIST/raw", "FashionMNIST/raw"}) {
    const fs::path place = dir / below;
    if (!has_cifar(place) && !has_idx(place)) continue;
    check(!found, dir.string(), ": holds two sets, give ", found ? found->string() : "", " or ",
          place.string());
    found = place;
  }
  return found;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The form for Python is pickles, which can run anything when they are read.
void refuse_pickles(const fs::path& dir) {
  for (const fs::path& place : {dir, dir / "cifar-10-batches-py", dir / "cifar-100-python"}) {
    const bool is_pickled = file_exists(place / "batches.meta") ||
                            (file_exists(place / "meta") && file_exists(place / "train") &&
                             !is_folder(place / "train"));
    check(!is_pickled, place.string(),
          ": CIFAR for Python, expected the binary version (data_batch_1.bin, ... or train.bin)");
  }
}

/// Labels by the classes of a network instead of the set's own.
void relabel(const fs::path& dir, Dataset& data, const std::vector<std::string>& classes) {
  std::vector<int> label_of;
  for (const std::string& name : data.classes) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    check(found != classes.end(), dir.string(), ": has a class '", name,
          "' that the model does not have");
    label_of.push_back(static_cast<int>(found - classes.begin()));
  }
  for (auto* samples : {&data.train, &data.val})
    for (Sample& sample : *samples) sample.label = label_of[static_cast<size_t>(sample.label)];
  data.classes = classes;
}

Dataset read_packed(const fs::path& dir, const DatasetOptions& options) {
  check_val_fraction(options.val_fraction);
  Dataset data = has_cifar(dir) ? read_cifar(dir) : read_idx(dir);
  if (options.classes.empty()) {
    check(!data.train.empty(), dir.string(),
          ": has test pictures only, expected training files too");
    check(data.classes.size() > 1, dir.string(), ": one class only, expected two or more");
  } else {
    relabel(dir, data, options.classes);
  }
  if (data.val.empty()) stratified_split(data.train, data.val, options.val_fraction, options.seed);
  return data;
}

}  // namespace

Image read_picture(const Sample& sample) {
  return sample.packed ? unpack(*sample.packed, sample.record) : read_image(sample.path);
}

std::string cause_of(const Error& error, const Sample& sample) {
  const std::string text = error.what(), prefix = sample.path.string() + ": ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string name_of(const Sample& sample) {
  return sample.packed ? concat(sample.path.string(), "[", sample.record, "]")
                       : sample.path.string();
}

Dataset open_dataset(const fs::path& dir, const DatasetOptions& options) {
  if (const auto packed = find_packed(dir)) return read_packed(*packed, options);
  refuse_pickles(dir);
  return scan_image_folder(dir, options);
}

}  // namespace tl
