// scan_image_folder: a folder of pictures sorted into one folder per class, as lists of samples.
#pragma once

#include <cstdint>
#include <filesystem>

#include "io/dataset.h"

namespace tl {

/// Reads one of two layouts:
///   dir/train/CLASS/...  with dir/val/CLASS/... and dir/test/CLASS/... where they exist
///   dir/CLASS/...
/// "val" may be "valid" or "validation"; capitals do not matter. A test/ without a val/ validates.
/// Without either, the validation list is split off (stratified_split.h) by the seed. A folder of
/// such a name that holds pictures but no folders is a class like any other where classes stand
/// beside it.
///
/// Pictures have one of picture_endings() in any case, at any depth below the class folder, in the
/// order of torchvision's ImageFolder. Names that start with a dot are passed over; links are
/// followed, but no folder is read twice. Only names are looked at: a broken picture shows when it
/// is loaded. Pictures outside a class folder are passed over with a note.
///
/// Throws Error naming the folder when it is missing or unreadable, has no class or one alone, when
/// a class has no picture, a name that is not UTF-8 or the folder of another class, when a class is
/// not among the training classes, or when training and validation are one folder. With
/// options.classes see DatasetOptions.
Dataset scan_image_folder(const std::filesystem::path& dir, const DatasetOptions& options);

}  // namespace tl
