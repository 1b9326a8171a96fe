#include "apps/predict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/batch_upload.h"
#include "apps/model_file.h"
#include "apps/picture_files.h"
#include "apps/run_folder.h"
#include "apps/standard_streams.h"
#include "io/image.h"
#include "nn/frozen.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto known = picture_endings();
  return std::find(known.begin(), known.end(), ending) != known.end();
}

/// Files as they are, folders by the pictures below them in bytewise order, hidden ones left out.
std::vector<Sample> samples_of(const std::vector<std::string>& arguments) {
  std::vector<Sample> samples;
  for (const std::string& argument : arguments) {
    std::error_code error;
    if (!fs::is_directory(argument, error)) {
      samples.push_back({.path = argument, .label = 0});
      continue;
    }
    std::vector<fs::path> found;
    for (auto it = fs::recursive_directory_iterator(argument, error);
         it != fs::recursive_directory_iterator(); it.increment(error)) {
      const bool is_hidden = it->path().filename().string().starts_with(".");
      if (is_hidden && it->is_directory(error)) it.disable_recursion_pending();
      if (!is_hidden && it->is_regular_file(error) && is_picture(it->path()))
        found.push_back(it->path());
    }
    check(!error, argument, ": ", error.message());
    check(!found.empty(), argument, ": holds no pictures");
    std::sort(found.begin(), found.end());
    for (fs::path& path : found) samples.push_back({.path = std::move(path), .label = 0});
  }
  return samples;
}

struct Answer {
  std::string name;
  double probability;
};

/// The most probable classes first.
std::vector<Answer> answers_of(std::span<const float> log_p, const ModelInfo& info, int top) {
  std::vector<std::size_t> order(log_p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return log_p[a] > log_p[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max(top, 1))));
  std::vector<Answer> answers;
  for (const std::size_t c : order)
    answers.push_back({info.classes[c], std::exp(static_cast<double>(log_p[c]))});
  return answers;
}

void print_words(const std::string& path, const std::vector<Answer>& answers) {
  std::printf("%s:", printable(path).c_str());
  for (std::size_t i = 0; i < answers.size(); ++i)
    std::printf("%s %s %.1f %%", i ? "," : "", answers[i].name.c_str(),
                100 * answers[i].probability);
  std::printf("\n");
}

void print_json(const std::string& path, const std::vector<Answer>& answers) {
  nlohmann::ordered_json line = {{"file", path},
                                 {"class", answers[0].name},
                                 {"probability", answers[0].probability},
                                 {"top", nlohmann::json::array()}};
  for (const Answer& a : answers)
    line["top"].push_back(
        nlohmann::ordered_json{{"class", a.name}, {"probability", a.probability}});
  // A file name need not be UTF-8, which JSON must be.
  std::printf("%s\n",
              line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace

bool predict(const PredictOptions& options) {
  const Device device = parse_device(options.device);
  const std::vector<Sample> samples = samples_of(options.images);
  const fs::path path = find_model(options.model);
  const LoadedModel model = load_model(path, {DType::f32, device});
  if (path != options.model) std::fprintf(stderr, "model %s\n", path.c_str());
  FrozenNetwork network(*model.network);
  const Preprocessing& how = model.info.preprocessing;
  BrokenPictures broken(options.strict);
  const BatchSource pictures = batches_of(samples, how, broken);
  BatchUpload upload({how.crop, how.crop, 3}, device);
  Tensor log_p;
  for_each_batch(
      pictures, upload,
      [&](const DeviceBatch& batch) { log_p = log_softmax(network(batch.pixels)); },
      [&](const Batch& batch) {
        const auto values = log_p.to_vector<float>();
        const auto classes = static_cast<std::size_t>(log_p.shape()[1]);
        for (std::size_t i = 0; i < batch.indices.size(); ++i) {
          const Sample& sample = samples[static_cast<std::size_t>(batch.indices[i])];
          const std::string file = sample.path.string();
          const auto answers =
              answers_of(std::span(values).subspan(i * classes, classes), model.info, options.top);
          options.json ? print_json(file, answers) : print_words(file, answers);
        }
        std::fflush(stdout);
        return true;
      });
  return broken.count() == 0;
}

}  // namespace tl
