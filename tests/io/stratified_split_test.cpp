#include "io/stratified_split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>

#include "kernels/error.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;
using Names = std::vector<std::string>;

/// sizes[label] pictures of each class, the classes mixed: 0, 1, 2, 0, 1, 2, ...
std::vector<Sample> samples_of(const std::vector<int>& sizes) {
  std::vector<Sample> samples;
  for (int i = 0; i < *std::max_element(sizes.begin(), sizes.end()); ++i) {
    for (int label = 0; label < static_cast<int>(sizes.size()); ++label)
      if (i < sizes[static_cast<size_t>(label)]) samples.push_back({concat(label, "/", i), label});
  }
  return samples;
}

struct Split {
  std::vector<Sample> train, val;
};

Split split(std::vector<Sample> samples, double fraction, uint64_t seed) {
  Split result{std::move(samples), {}};
  stratified_split(result.train, result.val, fraction, seed);
  return result;
}

std::map<int, int> counts(const std::vector<Sample>& samples) {
  std::map<int, int> counts;
  for (const Sample& sample : samples) ++counts[sample.label];
  return counts;
}

Names names_of(const std::vector<Sample>& samples) {
  Names names;
  for (const Sample& sample : samples) names.push_back(sample.path.string());
  return names;
}

using Counts = std::map<int, int>;

TEST_CASE("stratified_split: a share of every class, at least one, never all") {
  const auto samples = samples_of({20, 5, 1, 2});
  CHECK(counts(split(samples, 0.2, 3).val) == Counts{{0, 4}, {1, 1}, {3, 1}});
  CHECK(counts(split(samples, 0.01, 3).val) == Counts{{0, 1}, {1, 1}, {3, 1}});
  CHECK(counts(split(samples, 0.99, 3).val) == Counts{{0, 19}, {1, 4}, {3, 1}});
  CHECK(counts(split(samples, 0.275, 3).val) == Counts{{0, 6}, {1, 1}, {3, 1}});  // 5.5 rounds up
  CHECK(split(samples, 0, 3).val.empty());
  CHECK(split({}, 0.5, 3).val.empty());
  CHECK(error_of([&] { split(samples, 1, 3); }) ==
        "validation fraction 1, expected at least 0 and under 1");
  CHECK(!error_of([&] { split(samples, -0.1, 3); }).empty());
  CHECK(!error_of([&] { split(samples, std::numeric_limits<double>::quiet_NaN(), 3); }).empty());
}

TEST_CASE("stratified_split: both lists together are the pictures, each in its order") {
  const auto samples = samples_of({40, 30});
  const Split result = split(samples, 0.3, 7);
  std::map<std::string, size_t> position;
  for (size_t i = 0; i < samples.size(); ++i) position[samples[i].path.string()] = i;
  std::vector<size_t> all;
  for (const auto* list : {&result.train, &result.val}) {
    std::vector<size_t> places;
    for (const Sample& sample : *list) {
      places.push_back(position.at(sample.path.string()));
      CHECK(sample.label == samples[places.back()].label);
    }
    CHECK(std::is_sorted(places.begin(), places.end()));
    all.insert(all.end(), places.begin(), places.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(all.size() == samples.size());
  CHECK(std::unique(all.begin(), all.end()) == all.end());
}

TEST_CASE("stratified_split: the seed decides, on every platform; a class depends on no other") {
  const auto samples = samples_of({20, 5});
  const Names val = names_of(split(samples, 0.2, 3).val);
  CHECK(names_of(split(samples, 0.2, 3).val) == val);
  CHECK(names_of(split(samples, 0.2, 4).val) != val);
  CHECK(names_of(split(samples, 0.2, 3 + (uint64_t{1} << 32)).val) != val);
  const Names with_another = names_of(split(samples_of({20, 5, 50}), 0.2, 3).val);
  for (const std::string& name : val)
    CHECK(std::find(with_another.begin(), with_another.end(), name) != with_another.end());
  CHECK(val ==
        Names{"0/0", "1/1", "0/3", "0/6", "0/19"});  // as a program of its own in Python has it
}

TEST_CASE("stratified_split: classes of one size do not give the same places") {
  Names first, second;
  for (const Sample& sample : split(samples_of({30, 30}), 0.3, 3).val)
    (sample.label == 0 ? first : second).push_back(sample.path.filename().string());
  CHECK(first.size() == 9);
  CHECK(second.size() == 9);
  CHECK(first != second);
}

TEST_CASE("stratified_split: every picture is as likely as any other") {
  const auto samples = samples_of({10});
  std::map<std::string, int> drawn;
  for (uint64_t seed = 0; seed < 2000; ++seed)
    for (const std::string& name : names_of(split(samples, 0.3, seed).val)) ++drawn[name];
  CHECK(drawn.size() == 10);
  // 600 expected, standard deviation sqrt(2000 * 0.3 * 0.7) = 20.5.
  for (const auto& [name, count] : drawn) CHECK(std::abs(count - 600) < 90);
}

}  // namespace
}  // namespace tl
