// What reading photographs, resizing them and running a frozen network cost alone, and what they
// cost together, as `tlrun train` runs them.
//
//   feature_pipeline --weights FILE --data DIR [--pictures N] [--rounds N] [--threads N]
//
// One line per round, then the medians: milliseconds per picture of decoding and of resizing on one
// thread, of the network on one thread and (times the threads) on all; pictures/s of the whole; and
// that as a share of threads / (decode + resize + forward), which a pipeline without any loss would
// reach. The parts and the whole alternate, so that what else the machine does meets all of them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "apps/file_features.h"
#include "apps/model_file.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

constexpr std::int64_t kBatch = 32;

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

/// Milliseconds per picture.
struct Round {
  double decode, resize, alone, shared, whole;

  double share(double forward) const { return (decode + resize + forward) / whole; }
};

class Pipeline {
 public:
  Pipeline(const std::string& weights, std::vector<Sample> samples, int threads)
      : samples_(std::move(samples)), threads_(threads), network_(network_of(weights)) {}

  Round run() {
    const auto count = static_cast<double>(samples_.size());
    std::vector<Image> images(samples_.size());
    std::vector<float> pixels(static_cast<std::size_t>(kBatch * how_.size()));
    Round r{};
    r.decode =
        milliseconds_of([&] { std::ranges::transform(samples_, images.begin(), read_picture); }) /
        count;
    r.resize = milliseconds_of([&] {
                 for (std::size_t i = 0; i < images.size(); ++i)
                   preprocess(images[i], how_,
                              pixels.data() + static_cast<std::int64_t>(i) % kBatch * how_.size());
               }) /
               count;
    images.clear();
    const Tensor x =
        Tensor::from(pixels, {kBatch, how_.crop, how_.crop, 3}, DType::f32, Device::cpu);
    const auto forward = [&] {
      for (std::size_t i = 0; i < samples_.size(); i += kBatch) frozen_(x);
    };
    r.shared = milliseconds_of(forward) / count * threads_;
    set_thread_count(1);
    r.alone = milliseconds_of(forward) / count;
    set_thread_count(threads_);
    r.whole = milliseconds_of([&] {
                FeatureCache none("", "", network_->config.feature_count());
                features_of_files(frozen_, samples_, how_, Device::cpu, none, broken_);
              }) /
              count * threads_;
    return r;
  }

 private:
  static std::unique_ptr<ResNet> network_of(const std::string& weights) {
    const ModelFile file = read_model_file(weights);
    Generator random = Generator::of_zeros();
    auto network =
        std::make_unique<ResNet>(file.config(), random, Placement{DType::f32, Device::cpu});
    import_weights(*network, with_usual_names(file.tensors));
    network->eval();
    return network;
  }

  const std::vector<Sample> samples_;
  const int threads_;
  const Preprocessing how_;
  BrokenPictures broken_{true};
  std::unique_ptr<ResNet> network_;
  FrozenNetwork frozen_{*network_, [this](PlanBuilder& plan, const PlanValue& x) {
                          return network_->lower_features(plan, x);
                        }};
};

void print(const char* name, const Round& r, int threads) {
  std::printf(
      "%-7s decode %.2f  resize %.2f  forward %.2f alone, %.2f shared  whole %.0f/s, %.1f %% "
      "of the parts alone, %.1f %% with the network shared\n",
      name, r.decode, r.resize, r.alone, r.shared, 1000 * threads / r.whole, 100 * r.share(r.alone),
      100 * r.share(r.shared));
  std::fflush(stdout);
}

void run(const std::string& weights, const std::string& data, std::int64_t pictures, int rounds) {
  std::vector<Sample> samples = open_dataset(data, {}).train;
  samples.resize(
      static_cast<std::size_t>(std::min(std::ssize(samples), pictures) / kBatch * kBatch));
  check(!samples.empty(), data, ": fewer than ", kBatch, " pictures for training");
  const int threads = thread_count();
  Pipeline pipeline(weights, std::move(samples), threads);
  pipeline.run();  // prepares the weights
  std::vector<Round> all;
  for (int i = 0; i < rounds; ++i) {
    all.push_back(pipeline.run());
    print(concat("round ", i + 1).c_str(), all.back(), threads);
  }
  const auto middle = [&](double Round::*value) {
    std::vector<double> values;
    for (const Round& r : all) values.push_back(r.*value);
    return median(values);
  };
  print("median",
        {middle(&Round::decode), middle(&Round::resize), middle(&Round::alone),
         middle(&Round::shared), middle(&Round::whole)},
        threads);
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"What the stages of feature extraction cost alone and together", "feature_pipeline"};
  std::string weights, data;
  std::int64_t pictures = 128;
  int rounds = 5, threads = 0;
  app.add_option("--weights", weights)->required();
  app.add_option("--data", data)->required();
  app.add_option("--pictures", pictures, "a multiple of 32")->capture_default_str();
  app.add_option("--rounds", rounds)->capture_default_str();
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  try {
    if (threads > 0) tl::set_thread_count(threads);
    tl::run(weights, data, pictures, rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "feature_pipeline: %s\n", error.what());
    return 1;
  }
}
