// Dataset: labelled pictures in lists, wherever they lie. open_dataset finds out how a folder holds
// them; whoever loads pictures sees only Samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/image.h"
#include "kernels/error.h"

namespace tl {

struct PackedPictures;

/// One labelled picture: a file of its own, or a record of a packed file.
struct Sample {
  std::filesystem::path path;                              // the picture's file, or the packed file
  int label = 0;                                           // index into Dataset::classes
  std::shared_ptr<const PackedPictures> packed = nullptr;  // null: the file is the picture
  int64_t record = 0;                                      // of `packed`
};

/// The picture of a sample. Throws Error("path: cause") when it cannot be read.
Image read_picture(const Sample& sample);

/// What such an error says after the path: "truncated JPEG".
std::string cause_of(const Error& error, const Sample& sample);

/// The sample in words: "imgs/cats/7.jpg", "cifar/test_batch.bin[17]".
std::string name_of(const Sample& sample);

struct Dataset {
  std::string layout;                // "folders of pictures", "CIFAR-10 files"
  std::vector<std::string> classes;  // of folders: their names in bytewise order
  std::vector<Sample> train;
  std::vector<Sample> val;
  std::vector<Sample> test;        // only where there are pictures for all three
  int64_t skipped = 0;             // files that are no pictures by their ending, or of no class
  std::vector<std::string> notes;  // what was passed over or assumed, a line each
};

struct DatasetOptions {
  double val_fraction = 0.2;  // split off where there are no pictures for validation: [0, 1)
  uint64_t seed = 0;          // decides which
  /// The classes of a trained network. They give the labels; the folder may then have only some of
  /// them, even one alone, and needs no pictures for training.
  std::vector<std::string> classes = {};
};

/// Reads whichever of these `dir` is: CIFAR-10 or CIFAR-100 binary files (packed_cifar.h), idx
/// files as MNIST's (packed_idx.h), folders of pictures (image_folder.h). Packed files are checked
/// and kept in memory. Throws Error naming the file or folder, and what was expected.
Dataset open_dataset(const std::filesystem::path& dir, const DatasetOptions& options);

}  // namespace tl
