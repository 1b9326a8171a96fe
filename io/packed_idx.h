// Pictures in idx files, as MNIST and Fashion-MNIST come. Source of the format: LeCun, Cortes,
// Burges, "The MNIST database of handwritten digits".
#pragma once

#include <filesystem>

#include "io/dataset.h"

namespace tl {

/// Whether `dir` holds train-images-idx3-ubyte or t10k-images-idx3-ubyte (also with a dot before
/// "idx", and packed: .gz).
bool has_idx(const std::filesystem::path& dir);

/// Grey pictures of any one size and, beside them, train-labels-idx1-ubyte and
/// t10k-labels-idx1-ubyte; an unpacked file is taken before a packed one. The t10k files become
/// `val`. Class names come from classes.txt, one a line, where there is one; else they are the
/// labels "0", "1", ... up to the largest. Throws Error naming the file that is missing, short,
/// long, damaged or of another number of pictures. Sizes are checked against the file before
/// memory is taken. No split is made.
Dataset read_idx(const std::filesystem::path& dir);

}  // namespace tl
