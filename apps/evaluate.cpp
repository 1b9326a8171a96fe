#include "apps/evaluate.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/metrics_report.h"
#include "apps/model_file.h"
#include "apps/picture_files.h"
#include "apps/progress.h"
#include "apps/run_config.h"
#include "apps/run_folder.h"
#include "apps/score.h"
#include "nn/frozen.h"

namespace tl {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Sample> samples_of(const Dataset& data, const std::string& split) {
  if (split == "val") return data.val;
  if (split == "test") return data.test;
  std::vector<Sample> all = data.train;
  all.insert(all.end(), data.val.begin(), data.val.end());
  all.insert(all.end(), data.test.begin(), data.test.end());
  return all;
}

struct Result {
  std::string model, architecture;
  std::vector<std::string> classes;
  Predictions predictions;
  Score score;
  ConfusionMatrix matrix;
  std::optional<double> auc;
  std::size_t skipped = 0;
  std::size_t others = 0;  // pictures of other splits
};

void print_words(const EvaluateOptions& o, const Result& r) {
  std::printf("model     %s: %s, %zu classes\n", r.model.c_str(), r.architecture.c_str(),
              r.classes.size());
  std::printf("pictures  %s: %lld of split %s", o.data.c_str(),
              static_cast<long long>(r.predictions.rows()), o.split.c_str());
  if (r.others > 0) std::printf(" (--split all: %zu more)", r.others);
  if (r.skipped > 0) std::printf(", %zu skipped", r.skipped);
  std::printf("\nloss      %.4f\n", r.score.loss);
  std::printf("accuracy  %.2f %% (%lld of %lld right), balanced %.2f %%\n", 100 * r.score.accuracy,
              static_cast<long long>(r.score.right), static_cast<long long>(r.predictions.rows()),
              100 * r.matrix.balanced_accuracy());
  std::printf("F1        %.2f %% (mean of the classes)\n", 100 * r.matrix.macro_f1());
  std::printf(r.auc ? "ROC-AUC   %.4f\n" : "ROC-AUC   needs pictures of two classes\n",
              r.auc.value_or(0));
  std::printf("\n%s\n%s", class_table(r.matrix, r.classes).c_str(),
              confusion_table(r.matrix, r.classes).c_str());
}

void print_json(const EvaluateOptions& o, const Result& r) {
  Json json = {{"model", r.model},
               {"architecture", r.architecture},
               {"data", o.data},
               {"split", o.split},
               {"pictures", r.predictions.rows()},
               {"skipped", r.skipped},
               {"loss", r.score.loss},
               {"accuracy", r.score.accuracy},
               {"balanced_accuracy", r.matrix.balanced_accuracy()},
               {"macro_f1", r.matrix.macro_f1()},
               {"roc_auc", r.auc ? Json(*r.auc) : Json()},
               {"classes", Json::array()},
               {"confusion", Json::array()}};
  for (std::int64_t c = 0; c < r.matrix.classes(); ++c) {
    const ClassScores s = r.matrix.of_class(c);
    json["classes"].push_back({{"name", r.classes[static_cast<std::size_t>(c)]},
                               {"pictures", s.support},
                               {"precision", s.precision},
                               {"recall", s.recall},
                               {"f1", s.f1}});
    Json row = Json::array();
    for (std::int64_t j = 0; j < r.matrix.classes(); ++j) row.push_back(r.matrix.count(c, j));
    json["confusion"].push_back(std::move(row));
  }
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

void evaluate(const EvaluateOptions& options) {
  const Device device = parse_device(options.device);
  const std::filesystem::path path = find_model(options.model);
  const LoadedModel model = load_model(path, {DType::f32, device});
  const SplitOptions split = split_of_run(path);
  DatasetOptions how;
  how.val_fraction = split.val_fraction;
  how.seed = split.seed;
  how.classes = model.info.classes;
  const Dataset data = open_dataset(options.data, how);
  const std::vector<Sample> samples = samples_of(data, options.split);
  check(!samples.empty(), options.data, ": has no pictures for --split ", options.split,
        "; it has ", data.train.size(), " for training, ", data.val.size(), " for validation, ",
        data.test.size(), " for testing");

  FrozenNetwork network(*model.network);
  BrokenPictures broken(options.strict);
  const Preprocessing& preprocessing = model.info.preprocessing;
  Predictions predictions;
  {
    Progress progress("evaluating", std::ssize(samples));
    predictions = predict_all(network, {preprocessing.crop, preprocessing.crop, 3}, device,
                              batches_of(samples, preprocessing, broken),
                              [&](std::int64_t done) { progress.update(done); });
  }
  const auto score = predictions.score();
  check(score.has_value(), options.data, ": none of its pictures could be read");
  const ConfusionMatrix matrix(predictions.classes, predictions.labels, predictions.answers());
  const auto auc = roc_auc(predictions.log_p, predictions.classes, predictions.labels);
  const Result result{path.string(),
                      name_of(model.network->config),
                      model.info.classes,
                      std::move(predictions),
                      *score,
                      matrix,
                      auc,
                      broken.count(),
                      data.train.size() + data.val.size() + data.test.size() - samples.size()};
  options.json ? print_json(options, result) : print_words(options, result);
}

}  // namespace tl
