// Metrics in words, for people: tables whose columns are as wide as their class names.
#pragma once

#include <string>
#include <vector>

#include "nn/metrics.h"

namespace tl {

/// A line per class: pictures, precision, recall, F1. Each line begins with `indent`.
std::string class_table(const ConfusionMatrix& matrix, const std::vector<std::string>& classes,
                        const std::string& indent = "");

/// The counts, a row for what a picture is, a column for what it was taken for. Names that are too
/// long for a column are replaced by numbers that stand before the rows' names. More classes than
/// fit 100 columns: the most frequent confusions instead.
std::string confusion_table(const ConfusionMatrix& matrix, const std::vector<std::string>& classes);

/// `text` filled with spaces up to `width` characters, UTF-8 counted by code points.
std::string padded(std::string text, std::size_t width, bool right = false);
std::size_t width_of(const std::string& text);

}  // namespace tl
