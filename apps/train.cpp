// Reads top down: train() tells the story, the functions above it are its sentences.
#include "apps/train.h"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>

#include "apps/extract_features.h"
#include "apps/head_trainer.h"
#include "apps/model_file.h"
#include "apps/run_folder.h"
#include "io/image_folder.h"
#include "kernels/parallel_for.h"
#include "nn/frozen.h"

namespace tl {
namespace {

volatile std::sig_atomic_t interrupted = 0;

/// While it lives, the first Ctrl-C asks for a stop after the epoch; the second one kills.
class StopOnInterrupt {
 public:
  StopOnInterrupt() {
    interrupted = 0;
    previous_ = std::signal(SIGINT, [](int) {
      interrupted = 1;
      std::signal(SIGINT, SIG_DFL);
    });
  }
  ~StopOnInterrupt() { std::signal(SIGINT, previous_); }

 private:
  void (*previous_)(int);
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string joined(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += concat(" and ", names.size() - most, " more");
  return text;
}

bool is_head(const std::string& name) { return name.starts_with("fc."); }

/// Says what the file gave, by name. Everything but the head must have come from it.
void explain(const std::string& file, const ResNetConfig& config, const ImportReport& report) {
  std::printf("weights   %s: %s, %zu tensors matched\n", file.c_str(), name_of(config).c_str(),
              report.matched.size());
  std::vector<std::string> problems;
  for (const std::string& name : report.missing)
    if (!is_head(name)) problems.push_back(name + " is missing");
  for (const std::string& text : report.wrong_shape)
    if (!is_head(text)) problems.push_back(text);
  check(problems.empty(), file, ": does not fit ", name_of(config), ": ", joined(problems, 4));
  std::printf("          the head (fc) is new\n");
  if (!report.unexpected.empty())
    std::printf("          not used: %s\n", joined(report.unexpected, 4).c_str());
}

struct Backbone {
  std::unique_ptr<ResNet> network;
  Preprocessing preprocessing;
};

Backbone make_backbone(const TrainOptions& options, std::int64_t classes, Placement where) {
  Generator random(options.seed);
  Backbone backbone;
  if (options.weights.empty()) {
    ResNetConfig config = resnet_config(options.arch);
    config.classes = classes;
    backbone.network = std::make_unique<ResNet>(config, random, where);
    std::printf("weights   none: %s with random weights (give --weights for a pretrained one)\n",
                name_of(config).c_str());
  } else {
    const ModelFile file = read_model_file(options.weights);
    ResNetConfig config = file.config();
    check(config.in_channels == 3, options.weights, ": its first layer takes ", config.in_channels,
          " channels, pictures have 3");
    config.classes = classes;
    backbone.network = std::make_unique<ResNet>(config, random, where);
    auto tensors = file.tensors;
    std::erase_if(tensors, [](const auto& entry) { return is_head(entry.first); });
    explain(options.weights, config, import_weights(*backbone.network, tensors));
    if (file.info) backbone.preprocessing = file.info->preprocessing;
  }
  backbone.network->eval();
  backbone.network->set_requires_grad(false);
  return backbone;
}

ImageFolder read_folder(const TrainOptions& options) {
  const ImageFolder folder = scan_image_folder(options.data, options.val_fraction, options.seed);
  std::printf("pictures  %s: %zu classes (%s), %zu for training, %zu for validation\n",
              options.data.c_str(), folder.classes.size(), joined(folder.classes, 8).c_str(),
              folder.train.size(), folder.val.size());
  if (folder.skipped > 0)
    std::printf("          other files, passed over: %lld\n",
                static_cast<long long>(folder.skipped));
  return folder;
}

void report_failures(const Features& features) {
  for (const LoadFailure& f : features.failures)
    std::fprintf(stderr, "%s: %s, skipped\n", f.path.c_str(), f.cause.c_str());
}

void print_epoch(int epoch, const std::optional<Score>& train, const std::optional<Score>& val) {
  std::printf("%5d  %10.4f  %7.2f %%", epoch, train->loss, 100 * train->accuracy);
  if (val) std::printf("  %10.4f  %7.2f %%", val->loss, 100 * val->accuracy);
  std::printf("\n");
  std::fflush(stdout);
}

/// The head of the epoch with the best validation accuracy (of equal ones, the smaller loss);
/// without validation pictures, the training set decides.
struct BestHead {
  int epoch = 0;
  Score score;
  Tensor weight, bias;

  void offer(int candidate, const Score& s, const Linear& head) {
    const bool is_better = s.right > score.right || (s.right == score.right && s.loss < score.loss);
    if (weight && !is_better) return;
    epoch = candidate;
    score = s;
    weight = head.weight.detached().clone();
    bias = head.bias.detached().clone();
  }
};

BestHead train_head(const TrainOptions& options, const Features& train, const Features& val,
                    std::int64_t classes, Device device) {
  std::printf("head      %lld -> %lld, Adam %g, batch %lld, seed %llu\n\n",
              static_cast<long long>(train.columns), static_cast<long long>(classes),
              options.learning_rate, static_cast<long long>(options.batch_size),
              static_cast<unsigned long long>(options.seed));
  HeadTrainer trainer(train, classes, {options.batch_size, options.learning_rate, options.seed},
                      device);
  std::printf("epoch  train loss  accuracy%s\n", val.rows() ? "    val loss  accuracy" : "");
  StopOnInterrupt stop_on_interrupt;
  BestHead best;
  for (int epoch = 1; epoch <= options.epochs && !interrupted; ++epoch) {
    trainer.run_epoch();
    const auto train_score = trainer.evaluate(train), val_score = trainer.evaluate(val);
    print_epoch(epoch, train_score, val_score);
    if (!std::isfinite(train_score->loss)) {
      std::printf("stopped: the loss is no longer finite; a smaller --lr may help\n");
      break;
    }
    best.offer(epoch, val_score ? *val_score : *train_score, trainer.head);
  }
  if (interrupted) std::printf("stopped by Ctrl-C\n");
  check(static_cast<bool>(best.weight), "training: no epoch ended with a finite loss");
  return best;
}

}  // namespace

void train(const TrainOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Device device = parse_device(options.device);
  std::printf("device    %s, %d threads\n", name_of(device), thread_count());

  const ImageFolder folder = read_folder(options);
  const auto classes = static_cast<std::int64_t>(folder.classes.size());
  const Backbone backbone = make_backbone(options, classes, {DType::f32, device});
  ResNet& network = *backbone.network;
  const RunFolder run_folder(options.out);

  FrozenNetwork frozen(network, [&network](PlanBuilder& plan, const PlanValue& x) {
    return network.lower_features(plan, x);
  });
  const auto feature_start = std::chrono::steady_clock::now();
  const Features train_features = extract_features(frozen, device, folder.train,
                                                   backbone.preprocessing, "features, training  ");
  const Features val_features =
      extract_features(frozen, device, folder.val, backbone.preprocessing, "features, validation");
  const double seconds = seconds_since(feature_start);
  const std::int64_t pictures = train_features.rows() + val_features.rows();
  report_failures(train_features);
  report_failures(val_features);
  const std::size_t skipped = train_features.failures.size() + val_features.failures.size();
  std::printf("features  %lld pictures in %.1f s, %.0f pictures/s",
              static_cast<long long>(pictures), seconds, static_cast<double>(pictures) / seconds);
  std::printf(skipped ? ", %zu skipped\n" : "\n", skipped);

  const BestHead best = train_head(options, train_features, val_features, classes, device);
  network.fc.weight.copy_from(best.weight);
  network.fc.bias.copy_from(best.bias);
  const auto path = run_folder.model();
  write_model_file(path, network, {folder.classes, backbone.preprocessing});
  std::printf("\nbest      epoch %d: %.2f %% of the %s pictures are right\n", best.epoch,
              100 * best.score.accuracy, val_features.rows() ? "validation" : "training");
  std::printf("saved     %s after %.1f s; use it: tlrun predict --model %s PICTURE...\n",
              path.c_str(), seconds_since(start), path.c_str());
}

}  // namespace tl
