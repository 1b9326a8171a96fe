#include "apps/inspect.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/inspect_diff.h"
#include "apps/inspect_weights.h"
#include "apps/metrics_report.h"
#include "apps/run_folder.h"
#include "apps/step_graph.h"
#include "io/dataset.h"

namespace tl {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr auto kInvalidUtf8 = Json::error_handler_t::replace;  // file names need not be UTF-8

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
    std::printf("%s\n", json.dump(2, ' ', false, kInvalidUtf8).c_str());
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

/// The tape of a step of the network that is named, or in the file that is.
void print_graph(const std::string& name_or_path) {
  const auto names = resnet_names();
  const bool is_name = std::find(names.begin(), names.end(), name_or_path) != names.end();
  std::error_code ignored;
  const ResNetConfig config =
      is_name || !fs::exists(name_or_path, ignored)  // a wrong name is told the right ones
          ? resnet_config(name_or_path)
          : read_model_file(find_model(name_or_path)).config();
  std::printf("%s", step_graph(config).c_str());
}

bool inspect_diff(const InspectOptions& options) {
  const InspectedFile a = read_for_inspection(find_model(options.path));
  const InspectedFile b = read_for_inspection(find_model(options.other));
  const WeightsDiff diff = diff_of(a, b);
  options.json ? print_diff_as_json(a, b, diff) : print_diff(a, b, diff);
  return diff.is_empty();
}

}  // namespace

bool inspect(const InspectOptions& options) {
  if (!options.other.empty()) return inspect_diff(options);
  std::error_code ignored;
  const bool is_pictures = fs::is_directory(options.path, ignored) &&
                           !fs::exists(options.path + "/config.json", ignored);
  if (is_pictures) {
    check(!options.graph, options.path, ": --graph needs a weights file or an architecture");
    inspect_pictures(options.path, options.json);
  } else if (options.graph) {
    print_graph(options.path);
  } else {
    const InspectedFile file = read_for_inspection(find_model(options.path));
    options.json ? print_weights_as_json(file) : print_weights(file);
  }
  return true;
}

}  // namespace tl
