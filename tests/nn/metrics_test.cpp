// Metrics against scikit-learn's (tests/golden/make_numbers.py), by hand where it has no word,
// errors.
#include "nn/metrics.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/golden/numbers.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Labels = std::vector<std::int32_t>;
using Scores = std::vector<float>;

void check_near(double found, double expected) { CHECK(std::abs(found - expected) <= 1e-14); }

/// One classifier as scikit-learn sees it.
struct Reference {
  const char* name;
  std::int64_t classes;
  std::span<const std::int32_t> truth;
  std::span<const float> scores;
  std::span<const int> confusion;
  std::span<const double> precision, recall, f1;
  std::span<const int> support;
  double accuracy, balanced_accuracy, macro_f1, auc, top2;
};

std::vector<Reference> references() {
  namespace a = numbers::binary;
  namespace b = numbers::several;
  namespace c = numbers::absent;
  return {
      {"binary", a::classes, a::truth, a::scores, a::confusion, a::precision, a::recall, a::f1,
       a::support, a::accuracy, a::balanced_accuracy, a::macro_f1, a::roc_auc, a::top2},
      {"several", b::classes, b::truth, b::scores, b::confusion, b::precision, b::recall, b::f1,
       b::support, b::accuracy, b::balanced_accuracy, b::macro_f1, b::roc_auc, b::top2},
      {"absent", c::classes, c::truth, c::scores, c::confusion, c::precision, c::recall, c::f1,
       c::support, c::accuracy, c::balanced_accuracy, c::macro_f1, c::roc_auc, c::top2},
  };
}

TEST_CASE("metrics: all are scikit-learn's") {
  for (const Reference& r : references()) {
    INFO(std::string(r.name));
    const ConfusionMatrix matrix(r.classes, r.truth, predicted_classes(r.scores, r.classes));
    CHECK(matrix.total() == static_cast<std::int64_t>(r.truth.size()));
    for (std::int64_t t = 0; t < r.classes; ++t) {
      for (std::int64_t p = 0; p < r.classes; ++p) {
        CHECK(matrix.count(t, p) == r.confusion[static_cast<std::size_t>(t * r.classes + p)]);
      }
      const ClassScores scores = matrix.of_class(t);
      const auto c = static_cast<std::size_t>(t);
      check_near(scores.precision, r.precision[c]);
      check_near(scores.recall, r.recall[c]);
      check_near(scores.f1, r.f1[c]);
      CHECK(scores.support == r.support[c]);
    }
    check_near(matrix.accuracy(), r.accuracy);
    check_near(matrix.balanced_accuracy(), r.balanced_accuracy);
    check_near(matrix.macro_f1(), r.macro_f1);
    const auto area = roc_auc(r.scores, r.classes, r.truth);
    REQUIRE(area);
    check_near(*area, r.auc);
    check_near(top_k_accuracy(r.scores, r.classes, r.truth, 1), r.accuracy);
    check_near(top_k_accuracy(r.scores, r.classes, r.truth, 2), r.top2);
    CHECK(top_k_accuracy(r.scores, r.classes, r.truth, r.classes) == 1);
  }
}

TEST_CASE("metrics: a quotient without a divisor is 0") {
  // Class 1 is true but never predicted, 2 predicted but never true, 3 neither.
  const ConfusionMatrix m(4, Labels{0, 0, 1}, Labels{0, 2, 0});
  CHECK(m.of_class(1).precision == 0);
  CHECK(m.of_class(1).recall == 0);
  CHECK(m.of_class(1).f1 == 0);
  CHECK(m.of_class(2).recall == 0);
  CHECK(m.of_class(3).f1 == 0);
  CHECK(m.of_class(3).support == 0);
  CHECK(m.balanced_accuracy() == 0.25);             // recalls 1/2 and 0
  check_near(m.macro_f1(), (0.5 + 0.0 + 0.0) / 3);  // of classes 0, 1, 2
  const ConfusionMatrix none(2);
  CHECK(none.total() == 0);
  CHECK(none.accuracy() == 0);
  CHECK(none.balanced_accuracy() == 0);
  CHECK(none.macro_f1() == 0);
  CHECK(top_k_accuracy(Scores{}, 3, Labels{}, 1) == 0);
}

TEST_CASE("metrics: ROC-AUC counts pairs, ties as one half") {
  const auto area = [](const Scores& scores, const std::vector<bool>& positive) {
    return roc_auc(scores, positive).value();
  };
  CHECK(area({1, 2, 3, 4}, {false, false, true, true}) == 1);
  CHECK(area({4, 3, 2, 1}, {false, false, true, true}) == 0);
  CHECK(area({7, 7, 7, 7}, {false, true, true, false}) == 0.5);
  // Pairs (positive, negative): (2, 1) right, (2, 2) tied, (3, 1) and (3, 2) right.
  CHECK(area({1, 2, 2, 3}, {false, true, false, true}) == 3.5 / 4);
  CHECK(area({-INFINITY, INFINITY}, {false, true}) == 1);
  CHECK(!roc_auc(Scores{1, 2}, {true, true}));
  CHECK(!roc_auc(Scores{1, 2}, {false, false}));
  CHECK(!roc_auc(Scores{}, {}));
}

TEST_CASE("metrics: ROC-AUC of a table") {
  // Two classes: the second column decides, even where the first says otherwise.
  CHECK(roc_auc(Scores{9, 1, 9, 2, 9, 0}, 2, Labels{0, 1, 0}) == 1.0);
  CHECK(!roc_auc(Scores{0, 1}, 2, Labels{1}));
  CHECK(!roc_auc(Scores{1, 2, 3}, 1, Labels{0, 0, 0}));
  // Class 2 does not occur and is left out: columns 0 and 1 separate perfectly and not at all.
  CHECK(roc_auc(Scores{1, 5, 0, 0, 5, 9}, 3, Labels{0, 1}) == 0.75);
}

TEST_CASE("metrics: of equal scores the first column is chosen") {
  CHECK(predicted_classes(Scores{1, 3, 3, 2, 2, 2}, 3) == Labels{1, 0});
  CHECK(predicted_classes(Scores{}, 3).empty());
  const Scores tied = {2, 2, 2};
  CHECK(top_k_accuracy(tied, 3, Labels{1}, 1) == 0);
  CHECK(top_k_accuracy(tied, 3, Labels{1}, 2) == 1);
  CHECK(top_k_accuracy(tied, 3, Labels{2}, 2) == 0);
}

TEST_CASE("metrics: errors") {
  CHECK_ERROR(ConfusionMatrix(0), "metrics: 0 classes");
  // Their square is 0 modulo 2^64.
  CHECK_ERROR(ConfusionMatrix(std::int64_t{1} << 32),
              "metrics: 4294967296 classes; a confusion matrix has at most 32768");
  ConfusionMatrix m(2);
  CHECK_ERROR(m.add(2, 0), "metrics: class 2 is not in [0, 2)");
  CHECK_ERROR(m.add(0, -1), "metrics: class -1 is not in [0, 2)");
  CHECK(m.total() == 0);
  CHECK_ERROR(m.count(0, 2), "metrics: class 2 is not in [0, 2)");
  CHECK_ERROR(ConfusionMatrix(2, Labels{0}, Labels{0, 1}), "metrics: 1 labels and 2 predictions");
  CHECK_ERROR(predicted_classes(Scores{1, 2, 3}, 2), "metrics: 3 scores of 2 classes");
  const Scores bad = {0, NAN};
  CHECK_ERROR(predicted_classes(bad, 2), "metrics: a score is NaN");
  CHECK_ERROR(roc_auc(bad, {true, false}), "metrics: a score is NaN");
  CHECK_ERROR(top_k_accuracy(bad, 2, Labels{0}, 1), "metrics: a score is NaN");
  CHECK_ERROR(roc_auc(Scores{1}, {true, false}), "metrics: 1 scores and 2 labels");
  CHECK_ERROR(roc_auc(Scores{1, 2, 3}, 2, Labels{0}),
              "metrics: 3 scores for 1 labels of 2 classes");
  CHECK_ERROR(roc_auc(Scores{1, 2}, 2, Labels{2}), "metrics: class 2 is not in [0, 2)");
  CHECK_ERROR(top_k_accuracy(Scores{1, 2}, 2, Labels{0}, 0), "metrics: the top 0");
}

}  // namespace
}  // namespace tl::test
