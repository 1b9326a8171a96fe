#include "apps/epoch_loop.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "nn/metrics.h"

namespace tl {
namespace {

struct Epoch {
  int number = 0;
  Score train;
  std::optional<Score> val;
  double learning_rate = 0;
  double seconds = 0;
};

void print_header(bool has_val) {
  std::printf("\nepoch  train loss  accuracy%s        rate  seconds\n",
              has_val ? "    val loss  accuracy" : "");
}

void print_line(const Epoch& e) {
  std::printf("%5d  %10.4f  %7.2f %%", e.number, e.train.loss, 100 * e.train.accuracy);
  if (e.val) std::printf("  %10.4f  %7.2f %%", e.val->loss, 100 * e.val->accuracy);
  std::printf("  %10.3g  %7.3f\n", e.learning_rate, e.seconds);
  std::fflush(stdout);
}

/// JSON has no NaN: nlohmann writes null.
std::string json_line(const Epoch& e) {
  nlohmann::ordered_json line = {
      {"epoch", e.number}, {"train_loss", e.train.loss}, {"train_accuracy", e.train.accuracy}};
  if (e.val) {
    line["val_loss"] = e.val->loss;
    line["val_accuracy"] = e.val->accuracy;
  }
  line["learning_rate"] = e.learning_rate;
  line["seconds"] = std::round(e.seconds * 1000) / 1000;
  return line.dump();
}

double quality(const Predictions& p, const Score& score, const Recipe& recipe) {
  if (!recipe.balanced) return score.accuracy;
  return ConfusionMatrix(p.classes, p.labels, p.answers()).balanced_accuracy();
}

class Loop {
 public:
  Loop(const TrainingJob& job, TrainingMethod& method, const StopSignal& stop)
      : job_(job), method_(method), stop_(stop), has_val_(!job.data.val.empty()) {}

  BestEpoch run() {
    refuse_if_stopped(stop_);
    print_header(has_val_);
    for (int epoch = 1; epoch <= job_.options.recipe.epochs && !stop_.received(); ++epoch) {
      if (!run_one(epoch)) break;
    }
    if (stop_.received()) std::printf("stopped by %s\n", stop_.name());
    check(best_.epoch > 0, "training: no epoch ended with a finite loss");
    return best_;
  }

 private:
  /// Whether the next epoch may follow.
  bool run_one(int number) {
    const auto start = std::chrono::steady_clock::now();
    const auto train = method_.run_epoch(number);
    check(train.has_value(), job_.options.data, ": no training picture could be read");
    if (stop_.received() && best_.epoch > 0) return false;
    Epoch e{.number = number, .train = *train, .val = {}, .learning_rate = method_.learning_rate()};
    Predictions found = method_.evaluate();
    const auto score = found.score();
    if (has_val_) e.val = score;
    e.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    print_line(e);
    job_.folder.append_metrics(json_line(e));
    if (!std::isfinite(train->loss) || (score && !std::isfinite(score->loss))) {
      std::printf("stopped: the loss is no longer finite; a smaller --lr or --clip 1 may help\n");
      return false;
    }
    offer(number, std::move(found), score ? *score : *train);  // first: whoever looks, looks for it
    method_.save_last();
    return true;
  }

  void offer(int epoch, Predictions found, const Score& score) {
    const double its = found.rows() ? quality(found, score, job_.options.recipe) : score.accuracy;
    if (best_.epoch > 0 && !is_better(its, score.loss, best_quality_, best_.score.loss)) return;
    best_quality_ = its;
    best_ = {epoch, score, std::move(found)};
    method_.save_best();
  }

  const TrainingJob& job_;
  TrainingMethod& method_;
  const StopSignal& stop_;
  const bool has_val_;
  BestEpoch best_;
  double best_quality_ = 0;
};

}  // namespace

bool is_better(double quality, double loss, double best_quality, double best_loss) {
  return quality > best_quality || (quality == best_quality && loss < best_loss);
}

BestEpoch run_epochs(const TrainingJob& job, TrainingMethod& method, const StopSignal& stop) {
  return Loop(job, method, stop).run();
}

void refuse_if_stopped(const StopSignal& stop) {
  check(!stop.received(), "stopped by ", stop.name(), " before the first epoch; nothing was saved");
}

}  // namespace tl
