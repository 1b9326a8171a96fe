// CIFAR-10 and CIFAR-100 in their binary form: https://www.cs.toronto.edu/~kriz/cifar.html
#pragma once

#include <filesystem>

#include "io/dataset.h"

namespace tl {

/// Whether `dir` holds data_batch_1.bin ... data_batch_5.bin or test_batch.bin, or, beside
/// fine_label_names.txt, train.bin or test.bin.
bool has_cifar(const std::filesystem::path& dir);

/// A record is one byte of label (CIFAR-100: two, of which the second is the fine one, which is
/// used), then 32 x 32 red, green and blue bytes. Class names come from batches.meta.txt (CIFAR-10:
/// the usual ten where there is none) or fine_label_names.txt. Test files become `val`. Some of the
/// five training files may be missing, with a note. Throws Error naming the file when it is not
/// whole records or a label is too large. No split is made.
Dataset read_cifar(const std::filesystem::path& dir);

}  // namespace tl
