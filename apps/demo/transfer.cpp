#include "apps/demo/transfer.h"

#include <chrono>
#include <numeric>

#include "apps/demo/demo_network.h"
#include "apps/demo/views.h"
#include "apps/extract_features.h"
#include "apps/head_trainer.h"
#include "apps/network_trainer.h"
#include "nn/metrics.h"

namespace tl {
namespace {

constexpr std::int64_t kTransferBatch = 16;

std::vector<std::int64_t> in_order(std::int64_t size) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// The features of every picture in all its views, picture by picture.
Features features_of_views(ResNet& network, const PictureSet& set, Device device) {
  FrozenNetwork frozen(network, [&](PlanBuilder& plan, const PlanValue& x) {
    return network.lower_features(plan, x);
  });
  std::int64_t picture = 0;
  const std::int64_t size = scene_shape().size();
  return extract_features(frozen, scene_shape(), device, [&](Batch& batch) {
    batch = {};
    if (picture == set.size()) return false;
    batch.pixels.resize(static_cast<std::size_t>(kViews * size));
    for (int view = 0; view < kViews; ++view) {
      turn_picture(set.pixels.data() + picture * size, batch.pixels.data() + view * size,
                   kSceneSize, 3, view);
    }
    batch.labels.assign(kViews, set.labels[static_cast<std::size_t>(picture)]);
    batch.indices.assign(kViews, picture++);
    return true;
  });
}

void train_head(ResNet& network, const PictureSet& training, std::uint64_t seed,
                const TransferOptions& options) {
  const Recipe recipe{.batch_size = 64,
                      .learning_rate = 1e-2,
                      .seed = seed,
                      .epochs = options.head_epochs,
                      .schedule = "cosine",
                      .balanced = true};
  network.eval();
  const Features features = features_of_views(network, training, options.device);
  HeadTrainer trainer(features, network.config.classes, recipe, options.device);
  for (int epoch = 0; epoch < recipe.epochs; ++epoch) trainer.run_epoch();
  network.fc.weight.copy_from(trainer.head.weight.detached());
  network.fc.bias.copy_from(trainer.head.bias.detached());
}

/// Trains what requires gradients, on random views.
void train_network(ResNet& network, const PictureSet& training, double learning_rate, int epochs,
                   std::uint64_t seed, const TransferOptions& options) {
  const Recipe recipe{.batch_size = kTransferBatch,
                      .learning_rate = learning_rate,
                      .epochs = epochs,
                      .schedule = "cosine",
                      .balanced = true};
  NetworkTrainer trainer(network, scene_shape(), recipe,
                         count_classes(training.labels, network.config.classes), options.device);
  Generator random(seed);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    trainer.run_epoch(
        with_random_views(batches_of(training.pixels, training.labels,
                                     random.permutation(training.size()), kTransferBatch),
                          kSceneSize, 3, random));
  }
}

/// Statistics of 16 pictures would be worse than those of the source task.
void freeze_batch_norms(const ResNet& network) {
  for (const NamedTensor& p : network.parameters()) {
    if (p.tensor.rank() == 1 && !p.name.starts_with("fc.")) p.tensor.set_requires_grad(false);
  }
}

Outcome judge(const ResNet& network, const PictureSet& test, const TransferOptions& options) {
  FrozenNetwork frozen(network);
  const Predictions answers =
      predict_all(frozen, scene_shape(), options.device,
                  batches_of(test.pixels, test.labels, in_order(test.size()), 50));
  const ConfusionMatrix matrix(answers.classes, answers.labels, answers.answers());
  return {matrix.accuracy(), matrix.balanced_accuracy(), matrix.macro_f1()};
}

}  // namespace

std::string name_of(Method method) {
  switch (method) {
    case Method::scratch:
      return "from scratch";
    case Method::head:
      return "transfer: new head";
    case Method::fine_tuned:
      return "transfer: fine-tuned";
  }
  return "";
}

Outcome run_method(Method method, std::int64_t classes, const PictureSet& training,
                   const PictureSet& test, std::uint64_t seed, const TransferOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Generator random(seed);
  const Placement where{DType::f32, options.device};
  const auto network = method == Method::scratch ? fresh_network(classes, random, where)
                                                 : pretrained_network(classes, random, where);
  if (method == Method::scratch) {
    train_network(*network, training, 3e-3, options.scratch_epochs, seed, options);
  } else {
    train_head(*network, training, seed, options);
  }
  if (method == Method::fine_tuned) {
    freeze_batch_norms(*network);
    train_network(*network, training, 3e-4, options.fine_tuning_epochs, seed, options);
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  network->eval();
  Outcome outcome = judge(*network, test, options);
  outcome.seconds = spent.count();
  return outcome;
}

}  // namespace tl
