#include "apps/metrics_report.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "kernels/error.h"

namespace tl {
namespace {

constexpr std::size_t kScreen = 100, kLongestHeading = 12, kMostConfusions = 10;

std::size_t widest(const std::vector<std::string>& texts, std::size_t at_least = 0) {
  for (const std::string& t : texts) at_least = std::max(at_least, width_of(t));
  return at_least;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %%", 100 * share);
  return text;
}

std::string most_frequent(const ConfusionMatrix& m, const std::vector<std::string>& classes) {
  std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> wrong;  // -count, truth, answer
  for (std::int64_t i = 0; i < m.classes(); ++i) {
    for (std::int64_t j = 0; j < m.classes(); ++j)
      if (i != j && m.count(i, j) > 0) wrong.emplace_back(-m.count(i, j), i, j);
  }
  std::sort(wrong.begin(), wrong.end());
  std::string text = concat("most frequent of ", wrong.size(), " confusions\n");
  wrong.resize(std::min(wrong.size(), kMostConfusions));
  for (const auto& [count, truth, answer] : wrong) {
    text += concat(padded(std::to_string(-count), 6, true), "  ",
                   classes[static_cast<std::size_t>(truth)], " taken for ",
                   classes[static_cast<std::size_t>(answer)], "\n");
  }
  return text;
}

}  // namespace

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string text, std::size_t width, bool right) {
  const std::size_t now = width_of(text);
  if (now < width) text.insert(right ? 0 : text.size(), width - now, ' ');
  return text;
}

std::string class_table(const ConfusionMatrix& matrix, const std::vector<std::string>& classes,
                        const std::string& indent) {
  const std::size_t width = widest(classes, 5);
  std::string text = indent + padded("class", width) + "  pictures  precision   recall       F1\n";
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const ClassScores s = matrix.of_class(static_cast<std::int64_t>(c));
    text += indent + padded(classes[c], width) + padded(std::to_string(s.support), 10, true) +
            padded(percent(s.precision), 11, true) + padded(percent(s.recall), 9, true) +
            padded(percent(s.f1), 9, true) + "\n";
  }
  return text;
}

std::string confusion_table(const ConfusionMatrix& m, const std::vector<std::string>& classes) {
  const std::size_t n = classes.size();
  std::vector<std::string> rows = classes, headings = classes;
  const std::size_t count_width = std::to_string(m.total()).size();
  if (widest(classes) > kLongestHeading || widest(rows) + n * (2 + widest(classes)) > kScreen) {
    for (std::size_t c = 0; c < n; ++c) {
      headings[c] = std::to_string(c + 1);
      rows[c] = padded(headings[c], std::to_string(n).size(), true) + " " + classes[c];
    }
  }
  const std::size_t row_width = widest(rows), width = 2 + widest(headings, count_width);
  if (row_width + n * width > kScreen) return most_frequent(m, classes);
  std::string text =
      "confusions: rows are what the pictures are, columns what they were taken for\n";
  text += std::string(row_width, ' ');
  for (const std::string& heading : headings) text += padded(heading, width, true);
  for (std::size_t i = 0; i < n; ++i) {
    text += "\n";
    text += padded(rows[i], row_width);
    for (std::size_t j = 0; j < n; ++j) {
      text += padded(
          std::to_string(m.count(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j))),
          width, true);
    }
  }
  return text + "\n";
}

}  // namespace tl
