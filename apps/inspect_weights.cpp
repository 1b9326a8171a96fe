#include "apps/inspect_weights.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/metrics_report.h"
#include "apps/starting_network.h"
#include "apps/tensor_stats.h"
#include "apps/weights_format.h"
#include "io/read_weights.h"

namespace tl {
namespace {

using Json = nlohmann::ordered_json;

bool is_parameter(const std::string& name) {
  for (const char* buffer : {".running_mean", ".running_var", ".num_batches_tracked"})
    if (name.ends_with(buffer)) return false;
  return true;
}

/// The network's names say which they are; where none is recognised, the file's have to.
std::int64_t parameters_in(const InspectedFile& file) {
  std::int64_t n = 0;
  if (file.network) {
    for (const auto& [name, tensor] : file.network->tensors)
      if (is_parameter(name)) n += tensor.size();
  } else {
    for (const auto& [name, array] : file.content.arrays)
      if (is_parameter(name)) n += array.count();
  }
  return n;
}

std::string architecture_of(const InspectedFile& file) {
  if (!file.network) return file.why_no_network;
  const ResNetConfig config = file.network->config();
  return concat(name_of(config), ", ", config.in_channels, " channels to ",
                config.classes > 0 ? concat(config.classes, " classes") : "features: no head");
}

std::string in_words(const Preprocessing& p) {
  const auto three = [](const std::array<float, 3>& x) {
    return concat("[", x[0], ", ", x[1], ", ", x[2], "]");
  };
  return concat("shorter side ", p.resize, ", centre ", p.crop, " x ", p.crop, ", mean ",
                three(p.mean), ", std ", three(p.std));
}

/// Labels in one column, values in the next.
void print_line(const std::string& label, const std::string& value) {
  std::printf("%s  %s\n", padded(label, 13).c_str(), value.c_str());
}

/// Those that no other line is about, shortened.
void print_attributes(const InspectedFile& file) {
  for (const auto& [name, text] : file.content.attributes) {
    const bool is_shown =
        name == "format" || name == "architecture" ||
        (file.network && (name == "classes" || name == "preprocessing" || name == "unseen"));
    if (!is_shown) print_line(shown(name), shown(text));
  }
}

std::string not_finite_in(const TensorStats& s) {
  std::string text;
  if (s.nans > 0) text += concat(s.nans, " NaN");
  if (s.infinities > 0) text += concat(text.empty() ? "" : ", ", s.infinities, " inf");
  return text;
}

}  // namespace

InspectedFile read_for_inspection(const std::filesystem::path& path) {
  InspectedFile file{path, "", read_weights(path), std::nullopt, "", 0};
  file.format = format_of(path, file.content);
  try {
    file.network = model_of(file.content);
  } catch (const Error& error) {
    file.why_no_network = error.what();
  }
  file.parameters = parameters_in(file);
  return file;
}

void print_weights(const InspectedFile& file) {
  const auto& arrays = file.content.arrays;
  print_line("file", concat(file.path.string(), ": ", file.format));
  print_line("architecture", architecture_of(file));
  if (file.network && file.network->info) {
    const std::vector<std::string>& classes = file.network->info->classes;
    print_line("classes", concat(classes.size(), ": ", joined(classes, 8)));
  }
  if (file.network && file.network->preprocessing)
    print_line("preprocessing", in_words(*file.network->preprocessing));
  print_attributes(file);
  char size[32];
  std::snprintf(size, sizeof(size), "%.1f MB",
                static_cast<double>(std::filesystem::file_size(file.path)) / 1e6);
  print_line("parameters", concat(file.parameters, ", in ", arrays.size(), " tensors; ", size));

  std::size_t name_width = 6, shape_width = 5;
  for (const auto& [name, array] : arrays) {
    name_width = std::max(name_width, width_of(name));
    shape_width = std::max(shape_width, concat(Shape(array.shape)).size());
  }
  std::printf("\n%s  %s  dtype        min        max       mean        std\n",
              padded("tensor", name_width).c_str(), padded("shape", shape_width).c_str());
  std::size_t broken = 0;
  for (const auto& [name, array] : arrays) {
    const TensorStats s = stats_of(array);
    std::printf("%s  %s  %-5s %10.4g %10.4g %10.4g %10.4g", padded(name, name_width).c_str(),
                padded(concat(Shape(array.shape)), shape_width).c_str(), name_of(array.dtype),
                s.min, s.max, s.mean, s.deviation);
    if (!s.is_finite()) std::printf("  %s", not_finite_in(s).c_str());
    std::printf("\n");
    broken += !s.is_finite();
  }
  if (broken > 0)
    std::printf(
        "\n%zu of %zu tensors hold numbers that are not finite; min to std are of the others\n",
        broken, arrays.size());
}

void print_weights_as_json(const InspectedFile& file) {
  Json json = {{"file", file.path.string()},
               {"format", file.format},
               {"architecture", file.network ? Json(name_of(file.network->config())) : Json()},
               {"classes", Json()},
               {"preprocessing", Json()},
               {"parameters", file.parameters},
               {"attributes", file.content.attributes},
               {"tensors", Json::array()}};
  if (file.network && file.network->info) json["classes"] = file.network->info->classes;
  if (file.network && file.network->preprocessing)
    json["preprocessing"] = Json::parse(to_json(*file.network->preprocessing));
  for (const auto& [name, array] : file.content.arrays) {
    const TensorStats s = stats_of(array);
    json["tensors"].push_back({{"name", name},
                               {"shape", array.shape},
                               {"dtype", name_of(array.dtype)},
                               {"min", s.min},
                               {"max", s.max},
                               {"mean", s.mean},
                               {"std", s.deviation},
                               {"nans", s.nans},
                               {"infinities", s.infinities}});
  }
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace tl
