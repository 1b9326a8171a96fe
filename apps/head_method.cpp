// Training of a head alone: the features of each picture are computed once, by the frozen plan.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "apps/array_tensor.h"
#include "apps/feature_key.h"
#include "apps/file_features.h"
#include "apps/head_trainer.h"
#include "apps/progress.h"
#include "apps/training_method.h"
#include "io/hdf5_weights.h"
#include "kernels/parallel_for.h"
#include "nn/frozen.h"

namespace tl {
namespace {

FeatureCache open_cache(const TrainingJob& job, const std::string& checksum) {
  const std::int64_t columns = job.network().config.feature_count();
  try {
    if (!job.options.cache.empty())
      return {job.options.cache,
              feature_key(job.network(), checksum, job.start.preprocessing, job.device), columns};
  } catch (const Error& error) {
    std::fprintf(stderr, "features are not kept: %s\n", error.what());
  }
  return {"", "", columns};
}

class FeatureExtraction {
 public:
  FeatureExtraction(TrainingJob& job, const std::string& checksum, const StopSignal& stop)
      : job_(job),
        stop_(stop),
        frozen_(job.network(),
                [&](PlanBuilder& plan, const PlanValue& x) {
                  return job.network().lower_features(plan, x);
                }),
        cache_(open_cache(job, checksum)) {}

  Features run(const std::vector<Sample>& samples, const std::string& label) {
    Progress progress(label, std::ssize(samples));
    return features_of_files(frozen_, samples, job_.start.preprocessing, job_.device, cache_,
                             job_.broken, [&](std::int64_t done) {
                               progress.update(done);
                               refuse_if_stopped(stop_);
                             });
  }

  FeatureCache& cache() { return cache_; }

 private:
  TrainingJob& job_;
  const StopSignal& stop_;
  FrozenNetwork frozen_;
  FeatureCache cache_;
};

/// Says what was done in how much time, what the cache spared, and whether it has kept the rest.
void report(const TrainingJob& job, std::int64_t pictures, double seconds,
            const FeatureCache& cache, bool is_kept) {
  std::printf("features  %lld pictures in %.1f s, %.0f pictures/s",
              static_cast<long long>(pictures), seconds, static_cast<double>(pictures) / seconds);
  std::printf(job.broken.count() ? ", %zu skipped\n" : "\n", job.broken.count());
  if (!is_kept) return;
  std::printf("          %lld of them from %s, %lld computed and kept there\n",
              static_cast<long long>(cache.hits()), cache.path().parent_path().c_str(),
              static_cast<long long>(pictures - cache.hits()));
}

constexpr std::chrono::seconds kBetweenSaves{1};

class HeadMethod : public TrainingMethod {
 public:
  HeadMethod(TrainingJob& job, const std::string& checksum, Features train, Features val)
      : job_(job),
        train_(std::move(train)),
        val_(std::move(val)),
        trainer_(train_, job.classes(), job.options.recipe, job.device),
        source_{job.options.weights, job.options.recipe.seed, checksum} {}

  std::optional<Score> run_epoch(int) override {
    trainer_.run_epoch();
    return trainer_.evaluate(train_);
  }
  Predictions evaluate() override { return trainer_.predict(val_.rows() ? val_ : train_); }
  double learning_rate() const override { return trainer_.learning_rate(); }

  void save_best() override {
    best_weight_ = trainer_.head.weight.detached().clone();
    best_bias_ = trainer_.head.bias.detached().clone();
    is_best_saved_ = false;
  }
  /// An epoch takes less time than a disk needs to make a file durable.
  void save_last() override {
    const auto now = std::chrono::steady_clock::now();
    if (saved_ && now - *saved_ < kBetweenSaves) return;
    if (!is_best_saved_) save_head(job_.folder.best_head(), best_weight_, best_bias_);
    is_best_saved_ = true;
    save_head(job_.folder.last_head(), trainer_.head.weight, trainer_.head.bias);
    saved_ = now;
  }

  void finish() override {
    WeightsFile best = content_of_model(job_.network(), job_.info());
    WeightsFile last = best;  // shares the backbone's numbers
    set_head(best, best_weight_, best_bias_);
    set_head(last, trainer_.head.weight, trainer_.head.bias);
    parallel_for(2, [&](std::int64_t i, int) {  // one is composed while the other is on its way
      i == 0 ? write_hdf5(job_.folder.best(), best) : write_hdf5(job_.folder.last(), last);
    });
    std::error_code ignored;
    std::filesystem::remove(job_.folder.best_head(), ignored);
    std::filesystem::remove(job_.folder.last_head(), ignored);
  }

 private:
  static void set_head(WeightsFile& model, const Tensor& weight, const Tensor& bias) {
    for (auto& [name, array] : model.arrays) {
      if (name == "fc.weight") array = to_array(weight);
      if (name == "fc.bias") array = to_array(bias);
    }
  }
  void save_head(const std::filesystem::path& path, const Tensor& weight, const Tensor& bias) {
    job_.network().fc.weight.copy_from(weight.detached());
    job_.network().fc.bias.copy_from(bias.detached());
    write_head_file(path, job_.network(), job_.info(), source_);
  }

  TrainingJob& job_;
  const Features train_, val_;
  HeadTrainer trainer_;
  const BackboneSource source_;
  Tensor best_weight_, best_bias_;
  bool is_best_saved_ = false;
  std::optional<std::chrono::steady_clock::time_point> saved_;
};

}  // namespace

std::unique_ptr<TrainingMethod> make_head_method(TrainingJob& job, const StopSignal& stop) {
  job.network().eval();
  const auto start = std::chrono::steady_clock::now();
  const std::string checksum = checksum_of_backbone(job.network());
  FeatureExtraction extraction(job, checksum, stop);
  Features train = extraction.run(job.data.train, "features, training  ");
  Features val = extraction.run(job.data.val, "features, validation");
  const bool is_kept = extraction.cache().save();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  report(job, train.rows() + val.rows(), time.count(), extraction.cache(), is_kept);
  return std::make_unique<HeadMethod>(job, checksum, std::move(train), std::move(val));
}

}  // namespace tl
