#include "nn/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/error.h"

namespace tl {
namespace {

constexpr std::int64_t kMostClasses = 1 << 15;  // 8 GB of counts

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

void check_scores(std::span<const float> scores) {
  check(std::none_of(scores.begin(), scores.end(), [](float s) { return std::isnan(s); }),
        "metrics: a score is NaN");
}

void check_class(std::int64_t c, std::int64_t classes) {
  check(c >= 0 && c < classes, "metrics: class ", c, " is not in [0, ", classes, ")");
}

/// scores [rows, classes] with one label per row.
void check_table(std::span<const float> scores, std::int64_t classes,
                 std::span<const std::int32_t> truth) {
  check(classes >= 1, "metrics: ", classes, " classes");
  check(scores.size() == truth.size() * static_cast<std::size_t>(classes),
        "metrics: ", scores.size(), " scores for ", truth.size(), " labels of ", classes,
        " classes");
  for (const std::int32_t c : truth) check_class(c, classes);
  check_scores(scores);
}

}  // namespace

std::vector<std::int32_t> predicted_classes(std::span<const float> scores, std::int64_t classes) {
  check(classes >= 1 && scores.size() % static_cast<std::size_t>(classes) == 0,
        "metrics: ", scores.size(), " scores of ", classes, " classes");
  check_scores(scores);
  std::vector<std::int32_t> best;
  for (auto row = scores.begin(); row != scores.end(); row += classes) {
    best.push_back(static_cast<std::int32_t>(std::max_element(row, row + classes) - row));
  }
  return best;
}

ConfusionMatrix::ConfusionMatrix(std::int64_t classes) : classes_(classes) {
  check(classes >= 1, "metrics: ", classes, " classes");
  check(classes <= kMostClasses, "metrics: ", classes, " classes; a confusion matrix has at most ",
        kMostClasses);
  counts_.resize(static_cast<std::size_t>(classes * classes), 0);
}

ConfusionMatrix::ConfusionMatrix(std::int64_t classes, std::span<const std::int32_t> truth,
                                 std::span<const std::int32_t> predicted)
    : ConfusionMatrix(classes) {
  check(truth.size() == predicted.size(), "metrics: ", truth.size(), " labels and ",
        predicted.size(), " predictions");
  for (std::size_t i = 0; i < truth.size(); ++i) add(truth[i], predicted[i]);
}

void ConfusionMatrix::add(std::int32_t truth, std::int32_t predicted) {
  check_class(truth, classes_);
  check_class(predicted, classes_);
  ++counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
}

std::int64_t ConfusionMatrix::count(std::int64_t truth, std::int64_t predicted) const {
  check_class(truth, classes_);
  check_class(predicted, classes_);
  return counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
}

std::int64_t ConfusionMatrix::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

std::int64_t ConfusionMatrix::actual(std::int64_t c) const {
  std::int64_t sum = 0;
  for (std::int64_t other = 0; other < classes_; ++other) sum += count(c, other);
  return sum;
}

std::int64_t ConfusionMatrix::called(std::int64_t c) const {
  std::int64_t sum = 0;
  for (std::int64_t other = 0; other < classes_; ++other) sum += count(other, c);
  return sum;
}

double ConfusionMatrix::accuracy() const {
  std::int64_t right = 0;
  for (std::int64_t c = 0; c < classes_; ++c) right += count(c, c);
  return ratio(right, total());
}

double ConfusionMatrix::balanced_accuracy() const {
  double sum = 0;
  std::int64_t occurring = 0;
  for (std::int64_t c = 0; c < classes_; ++c) {
    if (actual(c) == 0) continue;
    sum += ratio(count(c, c), actual(c));
    ++occurring;
  }
  return occurring == 0 ? 0 : sum / static_cast<double>(occurring);
}

ClassScores ConfusionMatrix::of_class(std::int64_t c) const {
  const std::int64_t right = count(c, c), is = actual(c), as = called(c);
  // 2 p r / (p + r) with p = right / as and r = right / is.
  return {ratio(right, as), ratio(right, is), ratio(2 * right, is + as), is};
}

double ConfusionMatrix::macro_f1() const {
  double sum = 0;
  std::int64_t occurring = 0;
  for (std::int64_t c = 0; c < classes_; ++c) {
    if (actual(c) + called(c) == 0) continue;
    sum += of_class(c).f1;
    ++occurring;
  }
  return occurring == 0 ? 0 : sum / static_cast<double>(occurring);
}

std::optional<double> roc_auc(std::span<const float> scores, const std::vector<bool>& positive) {
  check(scores.size() == positive.size(), "metrics: ", scores.size(), " scores and ",
        positive.size(), " labels");
  check_scores(scores);
  const auto rows = scores.size();
  const auto p = static_cast<double>(std::count(positive.begin(), positive.end(), true));
  const double n = static_cast<double>(rows) - p;
  if (p == 0 || n == 0) return std::nullopt;
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double rank_sum = 0;  // halves of integers below 2^53: exact
  for (std::size_t begin = 0, end; begin < rows; begin = end) {
    end = begin + 1;
    while (end < rows && scores[order[end]] == scores[order[begin]]) ++end;
    const double mean_rank = static_cast<double>(begin + 1 + end) / 2;  // ranks begin + 1 ... end
    for (std::size_t i = begin; i < end; ++i) rank_sum += positive[order[i]] ? mean_rank : 0;
  }
  return (rank_sum - p * (p + 1) / 2) / (p * n);
}

std::optional<double> roc_auc(std::span<const float> scores, std::int64_t classes,
                              std::span<const std::int32_t> truth) {
  check_table(scores, classes, truth);
  const std::size_t rows = truth.size();
  double sum = 0;
  std::int64_t defined = 0;
  for (std::int64_t c = classes == 2 ? 1 : 0; c < classes; ++c) {
    std::vector<float> column(rows);
    std::vector<bool> positive(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      column[i] = scores[i * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c)];
      positive[i] = truth[i] == c;
    }
    const std::optional<double> area = roc_auc(column, positive);
    if (!area) continue;
    sum += *area;
    ++defined;
  }
  if (defined == 0) return std::nullopt;
  return sum / static_cast<double>(defined);
}

double top_k_accuracy(std::span<const float> scores, std::int64_t classes,
                      std::span<const std::int32_t> truth, std::int64_t k) {
  check_table(scores, classes, truth);
  check(k >= 1, "metrics: the top ", k);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto row =
        scores.subspan(i * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes));
    const auto own = static_cast<std::size_t>(truth[i]);
    std::int64_t before = 0;
    for (std::size_t c = 0; c < row.size(); ++c) {
      before += row[c] > row[own] || (row[c] == row[own] && c < own);
    }
    right += before < k;
  }
  return ratio(right, static_cast<std::int64_t>(truth.size()));
}

}  // namespace tl
