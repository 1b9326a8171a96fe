// ImageFolder: a folder of pictures sorted into one folder per class, as two lists of samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tl {

struct Sample {
  std::filesystem::path path;
  int label = 0;  // index into ImageFolder::classes
};

struct ImageFolder {
  std::vector<std::string> classes;  // folder names, bytewise order
  std::vector<Sample> train;
  std::vector<Sample> val;
  int64_t skipped = 0;  // files that are no pictures by their ending (hidden files are not counted)
};

/// Reads one of two layouts:
///   dir/train/CLASS/...  with dir/val/CLASS/... or else dir/test/CLASS/... if there is one
///   dir/CLASS/...
/// Without a folder of its own, the validation list is split off: in every class round(val_fraction
/// * n) pictures (at least one, unless val_fraction is 0, and never all), drawn by `seed`; equal on
/// every platform. Pictures end in .jpg, .jpeg or .png in any case, at any depth below the class
/// folder, in the order of torchvision's ImageFolder. Names that start with a dot are passed over;
/// links are followed. Only names are looked at: a broken picture shows when it is loaded. Throws
/// Error naming the folder when it is missing, has no class or one alone, when a class has no
/// picture or a name that is not UTF-8, or when a class stands in the validation folder only.
ImageFolder scan_image_folder(const std::filesystem::path& dir, double val_fraction, uint64_t seed);

}  // namespace tl
