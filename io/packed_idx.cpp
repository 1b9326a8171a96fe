// An idx file: four bytes (0, 0, type, rank), `rank` sizes as big-endian 32-bit numbers, the
// elements in row-major order. Type 8 is bytes.
#include "io/packed_idx.h"

#include <algorithm>
#include <array>
#include <optional>

#include "io/class_names.h"
#include "io/file_bytes.h"
#include "io/packed_file.h"
#include "io/packed_pictures.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

/// "train", "images", 3 -> dir/train-images-idx3-ubyte in any of its spellings.
std::optional<fs::path> find_idx(const fs::path& dir, const std::string& set,
                                 const std::string& content, int rank) {
  for (const char* packed : {"", ".gz"}) {
    for (const char* dash : {"-", "."}) {
      const fs::path file = dir / concat(set, "-", content, dash, "idx", rank, "-ubyte", packed);
      if (file_exists(file)) return file;
    }
  }
  return std::nullopt;
}

struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

IdxArray read_idx_array(const fs::path& path, size_t rank) {
  PackedFile file(path);
  std::array<uint8_t, 4> magic;
  file.read(magic, "the header");
  check(magic == std::array<uint8_t, 4>{0, 0, 8, static_cast<uint8_t>(rank)}, path.string(),
        ": not an idx file of bytes with ", rank, rank == 1 ? " dimension" : " dimensions");
  IdxArray array;
  uint64_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    std::array<uint8_t, 4> b;
    file.read(b, "the header");
    const uint64_t size =
        uint64_t{b[0]} << 24 | uint64_t{b[1]} << 16 | uint64_t{b[2]} << 8 | uint64_t{b[3]};
    check(size > 0, path.string(), ": dimension ", i, " is 0");
    check(count <= file.most_bytes() / size, path.string(),
          ": states more elements than a file of "
          "its size can hold");
    count *= size;
    array.shape.push_back(static_cast<int64_t>(size));
  }
  array.bytes.resize(count);
  file.read(array.bytes, rank == 1 ? "labels" : "pictures");
  file.check_end();
  return array;
}

/// Appends the pictures of one set; false when there are none.
bool append_set(const fs::path& dir, const std::string& set, std::vector<Sample>& samples) {
  const auto images_file = find_idx(dir, set, "images", 3),
             labels_file = find_idx(dir, set, "labels", 1);
  if (!images_file && !labels_file) return false;
  check(images_file.has_value(), dir.string(), ": has ", set, "-labels-idx1-ubyte but no ", set,
        "-images-idx3-ubyte");
  check(labels_file.has_value(), dir.string(), ": has ", set, "-images-idx3-ubyte but no ", set,
        "-labels-idx1-ubyte");
  const IdxArray labels = read_idx_array(*labels_file, 1);
  IdxArray images = read_idx_array(*images_file, 3);
  check(images.shape[0] == labels.shape[0], images_file->string(), ": ", images.shape[0],
        " pictures, expected ", labels.shape[0], ", the number of labels in ",
        labels_file->filename().string());
  check_picture_size(images.shape[2], images.shape[1]);
  const auto pictures = std::make_shared<PackedPictures>(
      PackedPictures{std::move(images.bytes), 0, images.shape[1] * images.shape[2], images.shape[1],
                     images.shape[2], 1});
  for (int64_t i = 0; i < images.shape[0]; ++i)
    samples.push_back({*images_file, labels.bytes[static_cast<size_t>(i)], pictures, i});
  return true;
}

size_t count_labels(const std::vector<Sample>& samples) {
  int largest = -1;
  for (const Sample& sample : samples) largest = std::max(largest, sample.label);
  return static_cast<size_t>(largest + 1);
}

/// "0", "1", ... or the names in classes.txt, enough for all labels.
std::vector<std::string> class_names(const fs::path& dir, const Dataset& data) {
  const size_t count = count_labels(data.train.empty() ? data.val : data.train);
  check(count_labels(data.val) <= count, dir.string(), ": a test picture has the label ",
        count_labels(data.val) - 1, ", over ", count - 1, ", the largest in training");
  if (const fs::path file = dir / "classes.txt"; file_exists(file)) {
    const auto names = read_class_names(file, 0);
    check(names.size() >= count, file.string(), ": ", names.size(), " class names, expected ",
          count, ", for the largest label is ", count - 1);
    return names;
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace

bool has_idx(const fs::path& dir) {
  return find_idx(dir, "train", "images", 3) || find_idx(dir, "t10k", "images", 3);
}

Dataset read_idx(const fs::path& dir) {
  Dataset data;
  data.layout = "MNIST files";
  append_set(dir, "train", data.train);
  append_set(dir, "t10k", data.val);
  data.classes = class_names(dir, data);
  return data;
}

}  // namespace tl
