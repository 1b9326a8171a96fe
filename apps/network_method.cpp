// Training of a network, or a part of it, on pictures that are loaded anew in every epoch.
#include "apps/network_trainer.h"
#include "apps/progress.h"
#include "apps/training_method.h"

namespace tl {
namespace {

std::vector<std::int32_t> labels_of(const std::vector<Sample>& samples) {
  std::vector<std::int32_t> labels;
  for (const Sample& s : samples) labels.push_back(s.label);
  return labels;
}

class NetworkMethod : public TrainingMethod {
 public:
  NetworkMethod(TrainingJob& job, const StopSignal& stop)
      : job_(job),
        stop_(stop),
        order_(job.options.recipe.seed),
        trainer_(job.network(), job.picture(), job.options.recipe,
                 count_classes(labels_of(job.data.train), job.classes()), job.device) {}

  std::optional<Score> run_epoch(int epoch) override {
    const auto& samples = job_.data.train;
    LoaderOptions how{.batch_size = job_.options.recipe.batch_size};
    if (job_.options.augment)
      how.augmentation = {job_.options.recipe.seed, static_cast<std::uint32_t>(epoch)};
    const BatchSource pictures = batches_of(samples, order_.permutation(std::ssize(samples)),
                                            job_.start.preprocessing, how, job_.broken);
    Progress progress("training  ", std::ssize(samples));
    std::int64_t done = 0;
    return trainer_.run_epoch(
        [&](Batch& batch) {
          progress.update(done);
          const bool is_batch = pictures(batch);
          done += batch.size();
          return is_batch;
        },
        [&] { return !stop_.received(); });
  }

  Predictions evaluate() override {
    const auto& samples = job_.data.val.empty() ? job_.data.train : job_.data.val;
    return trainer_.evaluate(batches_of(samples, job_.start.preprocessing, job_.broken));
  }
  double learning_rate() const override { return trainer_.learning_rate(); }

  void save_best() override { save(job_.folder.best()); }
  void save_last() override { save(job_.folder.last()); }

 private:
  void save(const std::filesystem::path& path) {
    write_model_file(path, job_.network(), job_.info());
  }

  TrainingJob& job_;
  const StopSignal& stop_;
  Generator order_;
  NetworkTrainer trainer_;
};

}  // namespace

std::unique_ptr<TrainingMethod> make_network_method(TrainingJob& job, const StopSignal& stop) {
  return std::make_unique<NetworkMethod>(job, stop);
}

}  // namespace tl
