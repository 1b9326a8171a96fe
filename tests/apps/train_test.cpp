// A run as a whole: what its folder holds agrees with itself.
#include "apps/train.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/epoch_loop.h"
#include "apps/model_file.h"
#include "apps/picture_files.h"
#include "apps/run_config.h"
#include "apps/score.h"
#include "io/png_write.h"
#include "nn/frozen.h"
#include "tests/support/random.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

/// 60 steps: running statistics need that many to leave their start behind.
constexpr int kEpochs = 20;

/// Noise of two classes, brighter in the upper or in the lower half, which mirroring does not
/// change.
void write_pictures(const TemporaryFolder& folder, const std::string& set, int count) {
  Random random(static_cast<std::uint64_t>(count));
  for (int i = 0; i < count; ++i) {
    Image x{16, 16, {}};
    for (int p = 0; p < 16 * 16 * 3; ++p) {
      const bool is_top = p / 3 / 16 < 8;
      x.rgb.push_back(
          static_cast<std::uint8_t>(random.integer(0, 150) + (is_top == (i % 2 == 0) ? 100 : 0)));
    }
    const auto path = folder / set / (i % 2 ? "bottom" : "top");
    std::filesystem::create_directories(path);
    write_png(path / (std::to_string(i) + ".png"), x);
  }
}

std::vector<nlohmann::json> metrics_of(const std::filesystem::path& run) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

Score score_of(const std::filesystem::path& model, const std::filesystem::path& data) {
  const LoadedModel loaded = load_model(model, {DType::f32, Device::cpu});
  FrozenNetwork network(*loaded.network);
  BrokenPictures broken(true);
  const Dataset pictures = open_dataset(data, {});
  const auto side = loaded.info.preprocessing.crop;
  return *predict_all(network, {side, side, 3}, Device::cpu,
                      batches_of(pictures.val, loaded.info.preprocessing, broken))
              .score();
}

TrainOptions options_for(const TemporaryFolder& folder, const std::string& run) {
  TrainOptions o;
  o.data = (folder / "data").string();
  o.out = (folder / run).string();
  o.arch = "resnet20";
  o.size = 16;
  o.recipe.learning_rate = 0;
  o.recipe.batch_size = 8;
  o.recipe.epochs = kEpochs;
  return o;
}

/// best.h5 and last.h5 are the states that metrics.jsonl says they are.
void check_run(const TemporaryFolder& folder, const std::string& run) {
  const auto lines = metrics_of(folder / run);
  REQUIRE(std::ssize(lines) == kEpochs);
  const auto val_loss = [&](const nlohmann::json& l) { return l["val_loss"].get<double>(); };
  const auto quality = [&](const nlohmann::json& l) {
    return std::pair(l["val_accuracy"].get<double>(), -val_loss(l));
  };
  const auto best = std::max_element(lines.begin(), lines.end(),
                                     [&](auto& a, auto& b) { return quality(a) < quality(b); });
  const Score best_score = score_of(folder / run / "best.h5", folder / "data");
  CHECK(best_score.accuracy == doctest::Approx((*best)["val_accuracy"].get<double>()));
  CHECK(best_score.loss == doctest::Approx(val_loss(*best)).epsilon(1e-4));
  const Score last = score_of(folder / run / "last.h5", folder / "data");
  CHECK(last.loss == doctest::Approx(val_loss(lines.back())).epsilon(1e-4));
  CHECK(lines[1]["epoch"] == 2);
  CHECK(!std::filesystem::exists(folder / run / "best_head.h5"));
  CHECK(!std::filesystem::exists(folder / run / "last_head.h5"));
}

struct WithPictures {
  TemporaryFolder folder;
  WithPictures() {
    write_pictures(folder, "data/train", 24);
    write_pictures(folder, "data/val", 10);
  }
};

}  // namespace

TEST_CASE_FIXTURE(WithPictures, "best.h5 is the best epoch, last.h5 the last: a whole network") {
  TrainOptions o = options_for(folder, "run");
  o.scratch = true;
  o.augment = true;
  o.recipe.learning_rate = 0.01;  // accuracy and loss go up and down
  train(o);
  check_run(folder, "run");
  std::ifstream file(folder / "run/config.json");
  const auto config = nlohmann::json::parse(file);
  CHECK(config["options"]["augment"] == true);
  CHECK(config["options"]["recipe"]["learning_rate"] == 0.01);
  CHECK(config["pictures"]["train"]["top"] == 12);
  CHECK(config["classes"] == nlohmann::json({"bottom", "top"}));
}

TEST_CASE_FIXTURE(WithPictures, "best.h5 is the best epoch, last.h5 the last: a head") {
  TrainOptions o = options_for(folder, "run");
  o.recipe.learning_rate = 0.05;  // so large that later epochs are not the best
  train(o);
  check_run(folder, "run");
}

TEST_CASE_FIXTURE(WithPictures, "heads are kept from the first epoch on, but not in every one") {
  const StopSignal stop;
  TrainingJob job(options_for(folder, "run"));
  const auto method = make_head_method(job, stop);
  const auto epoch = [&](int number) {
    method->run_epoch(number);
    method->save_best();
    method->save_last();
  };
  epoch(1);
  for (const char* name : {"best_head.h5", "last_head.h5"}) {
    REQUIRE(std::filesystem::exists(folder / "run" / name));
    std::filesystem::remove(folder / "run" / name);
  }
  epoch(2);  // within a second
  for (const char* name : {"best_head.h5", "last_head.h5"})
    CHECK(!std::filesystem::exists(folder / "run" / name));
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  method->save_last();
  for (const char* name : {"best_head.h5", "last_head.h5"})
    CHECK(std::filesystem::exists(folder / "run" / name));
  method->finish();
  CHECK(!std::filesystem::exists(folder / "run/best_head.h5"));
  CHECK(load_model(folder / "run/best.h5", {}).info.classes.size() == 2);
}

TEST_CASE_FIXTURE(WithPictures, "a run whose features come from a cache is the same run") {
  const auto run = [&](const std::string& name, const std::string& cache, std::uint64_t seed) {
    TrainOptions o = options_for(folder, name);
    o.cache = cache;
    o.recipe.seed = seed;
    o.recipe.epochs = 3;
    train(o);
    std::ifstream file(folder / name / "last.h5", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string cache = (folder / "cache").string();
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(folder / "cache/features"), {});
  };
  const std::string expected = run("without", "", 0);
  CHECK(run("cold", cache, 0) == expected);
  CHECK(files() == 1);
  CHECK(run("warm", cache, 0) == expected);
  CHECK(files() == 1);
  CHECK(run("another backbone", cache, 1) == run("another backbone, without", "", 1));
  CHECK(files() == 2);
}

TEST_CASE_FIXTURE(WithPictures, "the split of a run is found beside its model") {
  TrainOptions o = options_for(folder, "run");
  o.recipe.epochs = 1;
  o.recipe.seed = 12;
  o.val_fraction = 0.4;
  train(o);
  CHECK(split_of_run(folder / "run/best.h5").seed == 12);
  CHECK(split_of_run(folder / "run/best.h5").val_fraction == 0.4);
  CHECK(split_of_run(folder / "elsewhere.h5").seed == 0);
}

TEST_CASE_FIXTURE(WithPictures,
                  "an epoch writes the best model first: a run killed in between has one") {
  struct Recorder : TrainingMethod {
    std::vector<std::string> calls;
    std::optional<Score> run_epoch(int) override { return Score{}; }
    Predictions evaluate() override { return {2, {0, -1}, {0}, {0}}; }
    double learning_rate() const override { return 1; }
    void save_best() override { calls.push_back("best"); }
    void save_last() override { calls.push_back("last"); }
  } method;
  TrainOptions o = options_for(folder, "run");
  o.recipe.epochs = 2;
  const StopSignal stop;
  run_epochs(TrainingJob(o), method, stop);
  CHECK(method.calls == std::vector<std::string>{"best", "last", "last"});
}

TEST_CASE_FIXTURE(WithPictures, "the weights may be a run, by its folder") {
  TrainOptions o = options_for(folder, "first");
  o.recipe.epochs = 1;
  train(o);
  o.arch = "";
  o.weights = (folder / "first").string();
  o.out = (folder / "second").string();
  train(o);
  std::ifstream file(folder / "second/config.json");
  CHECK(nlohmann::json::parse(file)["options"]["weights"] == (folder / "first/best.h5").string());
}

TEST_CASE("the better epoch has the higher quality, of equal ones the smaller loss") {
  CHECK(is_better(0.9, 2.0, 0.8, 1.0));
  CHECK(!is_better(0.8, 1.0, 0.9, 2.0));
  CHECK(is_better(0.9, 1.0, 0.9, 2.0));
  CHECK(!is_better(0.9, 2.0, 0.9, 2.0));  // the earlier one stays
}

TEST_CASE("rates that are usual") {
  TrainOptions o;
  CHECK(usual_rate(o) == 1e-3);
  o.weights = "w.h5";
  CHECK(usual_rate(o) == 1e-3);  // the head alone
  o.unfreeze = "layer4";
  CHECK(usual_rate(o) == 1e-4);
  o.recipe.optimizer = "sgd";
  CHECK(usual_rate(o) == doctest::Approx(1e-3));
  o.weights = "";
  o.scratch = true;
  CHECK(usual_rate(o) == doctest::Approx(1e-2));
}

}  // namespace tl::test
