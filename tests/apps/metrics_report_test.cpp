// Tables of metrics: the numbers, and columns that stay in line.
#include "apps/metrics_report.h"

#include <doctest/doctest.h>

#include <sstream>

namespace tl::test {
namespace {

/// 3 of 4 ants and 5 of 7 bees are right.
ConfusionMatrix ants_and_bees() {
  ConfusionMatrix m(2);
  for (int i = 0; i < 3; ++i) m.add(0, 0);
  m.add(0, 1);
  for (int i = 0; i < 5; ++i) m.add(1, 1);
  m.add(1, 0);
  m.add(1, 0);
  return m;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the table of classes") {
  CHECK(class_table(ants_and_bees(), {"ants", "naïve bees"}, "> ") ==
        "> class       pictures  precision   recall       F1\n"
        "> ants               4     60.0 %   75.0 %   66.7 %\n"
        "> naïve bees         7     83.3 %   71.4 %   76.9 %\n");
}

TEST_CASE("the confusion matrix: short names head the columns") {
  CHECK(confusion_table(ants_and_bees(), {"ants", "bées"}) ==
        "confusions: rows are what the pictures are, columns what they were taken for\n"
        "      ants  bées\n"
        "ants     3     1\n"
        "bées     2     5\n");
}

TEST_CASE("long names are numbered") {
  CHECK(confusion_table(ants_and_bees(), {"Camponotus floridanus", "bee"}) ==
        "confusions: rows are what the pictures are, columns what they were taken for\n"
        "                          1   2\n"
        "1 Camponotus floridanus   3   1\n"
        "2 bee                     2   5\n");
}

TEST_CASE("every line of a table is as long as the others, at most 100 columns") {
  for (const std::int64_t n : {2, 7, 20, 40, 300}) {
    CAPTURE(n);
    ConfusionMatrix m(n);
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < n; ++i) {
      names.push_back("class " + std::to_string(i));
      m.add(static_cast<std::int32_t>(i), static_cast<std::int32_t>(i));
    }
    for (int i = 0; i < 1234; ++i) m.add(1, 0);
    m.add(0, 1);
    const auto lines = lines_of(confusion_table(m, names));
    if (n <= 7) {
      REQUIRE(std::ssize(lines) == n + 2);
      for (std::size_t i = 1; i < lines.size(); ++i) CHECK(lines[i].size() == lines[1].size());
    }
    for (const std::string& line : lines) CHECK(width_of(line) <= 100);
    if (n == 300) {
      REQUIRE(lines.size() == 3);
      CHECK(lines[0] == "most frequent of 2 confusions");
      CHECK(lines[1] == "  1234  class 1 taken for class 0");
      CHECK(lines[2] == "     1  class 0 taken for class 1");
    }
  }
}

}  // namespace tl::test
