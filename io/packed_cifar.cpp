#include "io/packed_cifar.h"

#include "io/class_names.h"
#include "io/file_bytes.h"
#include "io/packed_pictures.h"
#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSide = 32;

/// What tells the two sets apart.
struct Form {
  const char* layout;
  const char* names_file;
  std::vector<std::string> names;  // where there is no such file
  size_t classes;
  int64_t label_bytes;  // the last of them counts
  std::vector<std::string> train_files;
  std::string test_file;
};

Form cifar10() {
  return {
      "CIFAR-10 files",
      "batches.meta.txt",
      {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
      10,
      1,
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
       "data_batch_5.bin"},
      "test_batch.bin"};
}

Form cifar100() {
  return {"CIFAR-100 files", "fine_label_names.txt", {}, 100, 2, {"train.bin"}, "test.bin"};
}

bool has_files(const fs::path& dir, const Form& form) {
  if (form.names.empty() && !file_exists(dir / form.names_file)) return false;
  for (const std::string& file : form.train_files)
    if (file_exists(dir / file)) return true;
  return file_exists(dir / form.test_file);
}

void append_records(const fs::path& file, const Form& form, std::vector<Sample>& samples) {
  const auto pictures = std::make_shared<PackedPictures>();
  pictures->bytes = read_file_bytes(file);
  pictures->first = form.label_bytes;
  pictures->height = pictures->width = kSide;
  pictures->channels = 3;
  pictures->stride = form.label_bytes + pictures->record_bytes();
  const int64_t size = std::ssize(pictures->bytes);
  check(size > 0 && size % pictures->stride == 0, file.string(), ": ", size,
        " bytes, expected whole records of ", pictures->stride);
  for (int64_t i = 0; i < size / pictures->stride; ++i) {
    const int label =
        pictures->bytes[static_cast<size_t>(i * pictures->stride + form.label_bytes - 1)];
    check(static_cast<size_t>(label) < form.classes, file.string(), ": record ", i, " is of class ",
          label, ", expected 0 to ", form.classes - 1);
    samples.push_back({file, label, pictures, i});
  }
}

}  // namespace

bool has_cifar(const fs::path& dir) {
  return has_files(dir, cifar10()) || has_files(dir, cifar100());
}

Dataset read_cifar(const fs::path& dir) {
  const Form form = has_files(dir, cifar10()) ? cifar10() : cifar100();
  Dataset data;
  data.layout = form.layout;
  data.classes = form.names;
  if (const fs::path names = dir / form.names_file; file_exists(names))
    data.classes = read_class_names(names, form.classes);
  for (const std::string& file : form.train_files) {
    if (file_exists(dir / file)) {
      append_records(dir / file, form, data.train);
    } else {
      data.notes.push_back(concat((dir / file).string(), ": missing, passed over"));
    }
  }
  if (file_exists(dir / form.test_file)) append_records(dir / form.test_file, form, data.val);
  return data;
}

}  // namespace tl
