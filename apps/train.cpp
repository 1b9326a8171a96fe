#include "apps/train.h"

#include <chrono>
#include <cstdio>
#include <optional>

#include "apps/autotune.h"
#include "apps/epoch_loop.h"
#include "apps/file_features.h"
#include "apps/metrics_report.h"
#include "apps/nvtx_ranges.h"
#include "apps/profile_report.h"
#include "apps/run_config.h"
#include "io/atomic_file.h"

namespace tl {
namespace {

constexpr std::size_t kMostClassesInSummary = 10;

void print_recipe(const TrainOptions& options) {
  const Recipe& r = options.recipe;
  std::printf("recipe    %s %g, batch %lld, %d epochs, seed %llu", r.optimizer.c_str(),
              r.learning_rate, static_cast<long long>(r.batch_size), r.epochs,
              static_cast<unsigned long long>(r.seed));
  if (r.optimizer == "sgd") std::printf(", momentum %g", r.momentum);
  if (r.weight_decay > 0) std::printf(", weight decay %g", r.weight_decay);
  if (r.schedule != "constant") std::printf(", rate by %s", r.schedule.c_str());
  if (r.warmup > 0) std::printf(", %g epochs of warm-up", r.warmup);
  if (r.clip > 0) std::printf(", gradients clipped to %g", r.clip);
  if (r.label_smoothing > 0) std::printf(", label smoothing %g", r.label_smoothing);
  if (r.balanced) std::printf(", balanced classes");
  if (options.amp != "off") std::printf(", activations in %s", options.amp.c_str());
  std::printf("\n");
  std::fflush(stdout);
}

/// What a practitioner wants to know, and what to type next.
void print_summary(const TrainingJob& job, const BestEpoch& best, double seconds) {
  const bool by_val = !job.data.val.empty();
  const std::int64_t rows = best.predictions.rows();
  std::printf("\nbest      epoch %d: %.2f %% of the %s pictures are right (%lld of %lld)\n",
              best.epoch, 100 * best.score.accuracy, by_val ? "validation" : "training",
              static_cast<long long>(best.score.right), static_cast<long long>(rows));
  const ConfusionMatrix matrix(best.predictions.classes, best.predictions.labels,
                               best.predictions.answers());
  if (job.data.classes.size() <= kMostClassesInSummary)
    std::printf("%s", class_table(matrix, job.data.classes, "          ").c_str());
  if (job.broken.count() > 0)
    std::printf("skipped   %zu of the pictures, named above\n", job.broken.count());
  const std::string model = job.folder.best().string();
  std::printf("saved     %s after %.1f s (and last.h5, metrics.jsonl, config.json)\n",
              model.c_str(), seconds);
  std::printf("next      tlrun predict --model %s PICTURE...\n", model.c_str());
  std::printf("          tlrun eval --model %s --data %s\n", model.c_str(),
              job.options.data.c_str());
}

std::unique_ptr<ScopedBackend> autotuned(const TrainingJob& job) {
  if (!job.options.autotune) return nullptr;
  const bool frozen = job.options.trains_head_alone();
  const TunedWork work = {.config = job.network().config,
                          .batch = frozen ? kFeatureBatch : job.options.recipe.batch_size,
                          .size = job.start.preprocessing.crop,
                          .frozen = frozen};
  return autotune(job.device, work, job.options.cache);
}

void report_profile(const TrainingJob& job, const Profile& profile) {
  std::printf("\n%s", profile_report(profile, job.network()).c_str());
  write_profile_trace(job.folder.trace(), profile, job.network());
  std::printf("trace     %s, for Perfetto or chrome://tracing\n",
              job.folder.trace().string().c_str());
}

}  // namespace

void train(const TrainOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const StopSignal stop;
  TrainingJob job(options);
  print_recipe(job.options);
  const auto tuned = autotuned(job);
  write_file_atomically(job.folder.config(), config_json(job));
  std::optional<Profile> profile;
  if (options.profile) profile.emplace();
  const auto ranges = nvtx_ranges(job.network());
  const auto method =
      options.trains_head_alone() ? make_head_method(job, stop) : make_network_method(job, stop);
  const BestEpoch best = run_epochs(job, *method, stop);
  method->finish();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  print_summary(job, best, time.count());
  if (profile) report_profile(job, *profile);
}

}  // namespace tl
