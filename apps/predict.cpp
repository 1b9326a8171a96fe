#include "apps/predict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "apps/model_file.h"
#include "apps/run_folder.h"
#include "io/image.h"
#include "nn/frozen.h"

namespace tl {
namespace {

void print_line(const std::string& path, const std::vector<float>& log_p, const ModelInfo& info,
                int top) {
  std::vector<std::size_t> order(log_p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return log_p[a] > log_p[b]; });
  std::printf("%s:", path.c_str());
  const std::size_t shown = std::min(order.size(), static_cast<std::size_t>(std::max(top, 1)));
  for (std::size_t i = 0; i < shown; ++i) {
    std::printf("%s %s %.1f %%", i ? "," : "", info.classes[order[i]].c_str(),
                100 * std::exp(static_cast<double>(log_p[order[i]])));
  }
  std::printf("\n");
}

}  // namespace

bool predict(const PredictOptions& options) {
  const Device device = parse_device(options.device);
  const std::string path = options.model.empty() ? newest_model().string() : options.model;
  const LoadedModel model = load_model(path, {DType::f32, device});
  if (options.model.empty()) std::fprintf(stderr, "model %s\n", path.c_str());
  FrozenNetwork network(*model.network);
  const Preprocessing& how = model.info.preprocessing;
  bool all_read = true;
  for (const std::string& file : options.images) {
    std::vector<float> pixels(static_cast<std::size_t>(how.size()));
    try {
      preprocess(read_image(file), how, pixels.data());
    } catch (const Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      all_read = false;
      continue;
    }
    const Tensor x = Tensor::from(pixels, {1, how.crop, how.crop, 3}, DType::f32, device);
    print_line(file, log_softmax(network(x)).to_vector<float>(), model.info, options.top);
  }
  return all_read;
}

}  // namespace tl
