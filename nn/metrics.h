// Metrics of a classifier, on the host. Definitions are scikit-learn's. Where a formula divides by
// zero (a class that was never predicted has no precision) the value is 0, as scikit-learn has it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tl {

/// The column of the largest score of each row of scores [rows, classes]; of equal ones the first.
/// Throws where a score is NaN.
std::vector<std::int32_t> predicted_classes(std::span<const float> scores, std::int64_t classes);

/// Of one class, against all others.
struct ClassScores {
  double precision = 0;      ///< of what was called this class, the share that is
  double recall = 0;         ///< of what is this class, the share that was called so
  double f1 = 0;             ///< 2 precision recall / (precision + recall)
  std::int64_t support = 0;  ///< how many are of this class
};

/// How often each class was taken for each. Memory: classes^2 counts.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::int64_t classes);
  /// Of equally many labels and predictions, each in [0, classes).
  ConfusionMatrix(std::int64_t classes, std::span<const std::int32_t> truth,
                  std::span<const std::int32_t> predicted);

  /// Throws for a class outside [0, classes).
  void add(std::int32_t truth, std::int32_t predicted);

  std::int64_t classes() const { return classes_; }
  std::int64_t count(std::int64_t truth, std::int64_t predicted) const;
  std::int64_t total() const;

  /// The share of right answers.
  double accuracy() const;
  /// The mean recall of the classes that occur in the truth.
  double balanced_accuracy() const;
  ClassScores of_class(std::int64_t c) const;
  /// The mean F1 of the classes that occur, in the truth or as a prediction.
  double macro_f1() const;

 private:
  std::int64_t actual(std::int64_t c) const;  // how many are of class c
  std::int64_t called(std::int64_t c) const;  // how many were taken for class c

  std::int64_t classes_;
  std::vector<std::int64_t> counts_;  // [truth][predicted]
};

/// Area under the ROC curve: how likely a positive scores higher than a negative, ties counting one
/// half. From the rank sum of the positives (Mann-Whitney U), ties with their mean rank:
///   (sum of ranks - P (P + 1) / 2) / (P N)      P positives, N negatives
/// Absent where one of the two is. Throws where a score is NaN. O(rows log rows).
std::optional<double> roc_auc(std::span<const float> scores, const std::vector<bool>& positive);

/// Of scores [rows, classes]. Two classes: the second column's (scikit-learn wants that column).
/// More: the mean over the classes of each against the rest ("ovr", "macro"), without those that
/// have no positive or no negative; absent where none is left.
std::optional<double> roc_auc(std::span<const float> scores, std::int64_t classes,
                              std::span<const std::int32_t> truth);

/// The share of rows whose class is among the k largest scores; of equal scores, as in
/// predicted_classes, the first columns count as larger. Throws where a score is NaN.
double top_k_accuracy(std::span<const float> scores, std::int64_t classes,
                      std::span<const std::int32_t> truth, std::int64_t k);

}  // namespace tl
