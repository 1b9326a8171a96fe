#include "apps/demo/pretrain.h"

#include <algorithm>
#include <cstdio>

#include "apps/demo/demo_network.h"
#include "apps/demo/tasks.h"
#include "apps/model_file.h"
#include "apps/network_trainer.h"

namespace tl {
namespace {

constexpr std::int64_t kPretrainBatch = 64;
constexpr int kEpochs = 40;  // between which the loss is printed; no picture comes twice

/// Pictures `begin` to `end` of the endless series in which the classes take turns.
BatchSource series(const SceneTask& task, std::int64_t begin, std::int64_t end) {
  return [&task, begin, end](Batch& batch) mutable {
    batch = {};
    std::vector<std::int64_t> indices;
    for (; begin < end && batch.size() < kPretrainBatch; ++begin) {
      batch.labels.push_back(static_cast<std::int32_t>(begin % std::ssize(task.classes)));
      batch.indices.push_back(begin);
      indices.push_back(begin / std::ssize(task.classes));
    }
    batch.pixels = draw_pictures(task, Part::training, batch.labels, indices, 0).pixels;
    return batch.size() > 0;
  };
}

/// How many pictures that it did not see it gets right.
void print_test(const NetworkTrainer& trainer, const SceneTask& task) {
  const PictureSet test = draw_part(task, Part::test, 0);
  std::vector<std::int64_t> order(test.labels.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  const Predictions answers =
      trainer.evaluate(batches_of(test.pixels, test.labels, order, kPretrainBatch));
  std::printf("new pictures: %.1f %% of %lld right\n", 100 * answers.score()->accuracy,
              static_cast<long long>(answers.rows()));
}

}  // namespace

void pretrain(const PretrainOptions& options) {
  const SceneTask task = source_task();
  const auto classes = std::ssize(task.classes);
  Generator random(0);
  const auto network = fresh_network(classes, random, {DType::f32, options.device});

  const std::int64_t epoch_pictures =
      std::max<std::int64_t>(1, options.steps / kEpochs) * kPretrainBatch;
  const Recipe recipe{.batch_size = kPretrainBatch,
                      .learning_rate = 3e-3,
                      .epochs = kEpochs,
                      .schedule = "cosine",
                      .warmup = 0.5};
  NetworkTrainer trainer(*network, scene_shape(), recipe,
                         ClassCounts(static_cast<std::size_t>(classes), epoch_pictures / classes),
                         options.device);
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const auto score =
        trainer.run_epoch(series(task, epoch * epoch_pictures, (epoch + 1) * epoch_pictures));
    if (options.quiet) continue;
    std::printf("%8lld pictures  loss %.4f  accuracy %5.1f %%\n",
                static_cast<long long>((epoch + 1) * epoch_pictures), score->loss,
                100 * score->accuracy);
    std::fflush(stdout);
  }
  if (!options.quiet) print_test(trainer, task);
  write_model_file(options.out, *network, {task.class_names(), scene_preprocessing()});
}

}  // namespace tl
