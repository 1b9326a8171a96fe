#include "apps/inspect.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/array_tensor.h"
#include "apps/metrics_report.h"
#include "apps/run_folder.h"
#include "apps/step_graph.h"
#include "apps/tensor_stats.h"
#include "io/dataset.h"
#include "io/read_weights.h"
#include "models/resnet_config.h"
#include "models/weight_names.h"

namespace tl {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr auto kReplace = Json::error_handler_t::replace;  // file names need not be UTF-8

/// The file's network; what it is not, in words, otherwise.
struct Recognised {
  std::optional<ResNetConfig> config;
  std::string why_not;
};

Recognised recognise(const WeightsFile& file) {
  std::map<std::string, Shape> shapes;
  try {
    for (const auto& [name, array] : file.arrays) shapes.emplace(name, Shape(array.shape));
    return {recognise_resnet(with_usual_names(shapes)), ""};
  } catch (const Error& error) {
    return {std::nullopt, error.what()};
  }
}

/// Batch norms' running statistics and counters are in the file, but no parameters.
std::int64_t parameters_in(const WeightsFile& file) {
  std::int64_t n = 0;
  for (const auto& [name, array] : file.arrays) {
    if (name.ends_with(".running_mean") || name.ends_with(".running_var") ||
        name.ends_with(".num_batches_tracked"))
      continue;
    n += array.count();
  }
  return n;
}

void print_words(const fs::path& path, const WeightsFile& file) {
  const Recognised network = recognise(file);
  std::printf("file           %s, %.1f MB\n", path.c_str(),
              static_cast<double>(fs::file_size(path)) / 1e6);
  std::printf("architecture   %s\n",
              network.config ? concat(name_of(*network.config), ", ", network.config->in_channels,
                                      " channels to ", network.config->classes, " classes")
                                   .c_str()
                             : network.why_not.c_str());
  for (const auto& [name, text] : file.attributes) {
    if (name != "architecture") std::printf("%s  %s\n", padded(name, 13).c_str(), text.c_str());
  }
  std::printf("parameters     %lld, in %zu tensors\n\n",
              static_cast<long long>(parameters_in(file)), file.arrays.size());

  std::size_t name_width = 6, shape_width = 5;
  for (const auto& [name, array] : file.arrays) {
    name_width = std::max(name_width, width_of(name));
    shape_width = std::max(shape_width, concat(Shape(array.shape)).size());
  }
  std::printf("%s  %s  dtype        min        max       mean        std  NaN\n",
              padded("tensor", name_width).c_str(), padded("shape", shape_width).c_str());
  for (const auto& [name, array] : file.arrays) {
    const TensorStats s = stats_of(array);
    std::printf("%s  %s  %-5s %10.4g %10.4g %10.4g %10.4g %4lld\n",
                padded(name, name_width).c_str(),
                padded(concat(Shape(array.shape)), shape_width).c_str(), name_of(array.dtype),
                s.min, s.max, s.mean, s.deviation, static_cast<long long>(s.nans));
  }
}

void print_json(const fs::path& path, const WeightsFile& file) {
  const Recognised network = recognise(file);
  Json json = {{"file", path.string()},
               {"architecture", network.config ? Json(name_of(*network.config)) : Json()},
               {"parameters", parameters_in(file)},
               {"attributes", file.attributes},
               {"tensors", Json::array()}};
  for (const auto& [name, array] : file.arrays) {
    const TensorStats s = stats_of(array);
    json["tensors"].push_back({{"name", name},
                               {"shape", array.shape},
                               {"dtype", name_of(array.dtype)},
                               {"min", s.min},
                               {"max", s.max},
                               {"mean", s.mean},
                               {"std", s.deviation},
                               {"nans", s.nans}});
  }
  std::printf("%s\n", json.dump(2, ' ', false, kReplace).c_str());
}

using Counts = std::vector<std::int64_t>;

Counts counts_of(const std::vector<Sample>& samples, std::size_t classes) {
  Counts counts(classes, 0);
  for (const Sample& s : samples) ++counts[static_cast<std::size_t>(s.label)];
  return counts;
}

void inspect_pictures(const fs::path& path, bool as_json) {
  DatasetOptions how;
  how.val_fraction = 0;  // what there is, not how train would split it
  const Dataset data = open_dataset(path, how);
  const std::size_t n = data.classes.size();
  const Counts train = counts_of(data.train, n), val = counts_of(data.val, n),
               test = counts_of(data.test, n);
  if (as_json) {
    Json json = {{"folder", path.string()},
                 {"layout", data.layout},
                 {"classes", Json::array()},
                 {"skipped", data.skipped},
                 {"notes", data.notes}};
    for (std::size_t c = 0; c < n; ++c)
      json["classes"].push_back(
          {{"name", data.classes[c]}, {"train", train[c]}, {"val", val[c]}, {"test", test[c]}});
    std::printf("%s\n", json.dump(2, ' ', false, kReplace).c_str());
    return;
  }
  std::printf("folder   %s: %s\n", path.c_str(), data.layout.c_str());
  std::printf("classes  %zu\n", n);
  for (const std::string& note : data.notes) std::printf("         %s\n", note.c_str());
  if (data.skipped > 0)
    std::printf("         other files, passed over: %lld\n", static_cast<long long>(data.skipped));
  std::size_t width = 5;
  for (const std::string& name : data.classes) width = std::max(width, width_of(name));
  const auto line = [&](const std::string& name, const auto& a, const auto& b, const auto& c) {
    std::printf("%s", padded(name, width).c_str());
    for (const std::string& text : {concat(a), concat(b), concat(c)})
      std::printf("%s", padded(text, 9, true).c_str());
    std::printf("\n");
  };
  std::printf("\n");
  line("class", "train", "val", "test");
  for (std::size_t c = 0; c < n; ++c) line(data.classes[c], train[c], val[c], test[c]);
  line("all", data.train.size(), data.val.size(), data.test.size());
}

}  // namespace

void inspect(const InspectOptions& options) {
  std::error_code ignored;
  const bool is_pictures = fs::is_directory(options.path, ignored) &&
                           !fs::exists(options.path + "/config.json", ignored);
  if (is_pictures) {
    check(!options.graph, options.path, ": --graph needs a weights file or an architecture");
    return inspect_pictures(options.path, options.json);
  }
  if (options.graph) {
    const auto names = resnet_names();
    const bool is_name = std::find(names.begin(), names.end(), options.path) != names.end();
    std::optional<ResNetConfig> config;
    if (is_name || !fs::exists(options.path, ignored)) {  // a wrong name is told the right ones
      config = resnet_config(options.path);
    } else {
      const fs::path path = find_model(options.path);
      const Recognised network = recognise(read_weights(path));
      check(network.config.has_value(), path.string(), ": ", network.why_not);
      config = network.config;
    }
    std::printf("%s", step_graph(*config).c_str());
    return;
  }
  const fs::path path = find_model(options.path);
  const WeightsFile file = read_weights(path);
  options.json ? print_json(path, file) : print_words(path, file);
}

}  // namespace tl
