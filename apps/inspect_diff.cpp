#include "apps/inspect_diff.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/array_tensor.h"
#include "apps/metrics_report.h"
#include "apps/starting_network.h"

namespace tl {
namespace {

using Json = nlohmann::ordered_json;

bool is_counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

std::map<std::string, Array> usual_arrays(const InspectedFile& file) {
  std::map<std::string, Array> arrays;
  if (file.network) {
    for (const auto& [name, tensor] : file.network->tensors) arrays.emplace(name, to_array(tensor));
  } else {
    arrays.insert(file.content.arrays.begin(), file.content.arrays.end());
  }
  arrays = with_usual_names(arrays);
  std::erase_if(arrays, [](const auto& entry) { return is_counter(entry.first); });
  return arrays;
}

void compare_info(const InspectedFile& a, const InspectedFile& b, WeightsDiff& diff) {
  if (!a.network || !b.network) return;
  const ModelFile &x = *a.network, &y = *b.network;
  if (x.info && y.info && x.info->classes != y.info->classes) diff.attributes.push_back("classes");
  if (x.preprocessing && y.preprocessing && *x.preprocessing != *y.preprocessing)
    diff.attributes.push_back("preprocessing");
}

std::size_t in_both(const WeightsDiff& diff) {
  return diff.equal + diff.shapes.size() + diff.tensors.size();
}

/// "3 tensors"
std::string tensors(std::size_t n) { return concat(n, n == 1 ? " tensor" : " tensors"); }

/// The last line.
std::string summary(const WeightsDiff& diff) {
  if (diff.is_empty()) return concat("equal: ", tensors(diff.equal), ", bit for bit");
  std::string text =
      concat("different: of ", tensors(in_both(diff)), " in both, ", diff.equal, " equal, ",
             diff.tensors.size(), " differ in numbers, ", diff.shapes.size(), " in shape");
  if (!diff.only_in_a.empty()) text += concat("; ", diff.only_in_a.size(), " only in a");
  if (!diff.only_in_b.empty()) text += concat("; ", diff.only_in_b.size(), " only in b");
  for (const std::string& name : diff.attributes) text += "; other " + name;
  return text;
}

void print_shapes(const std::vector<DifferentShape>& different) {
  std::size_t name_width = 6, shape_width = 5;
  for (const DifferentShape& s : different) {
    name_width = std::max(name_width, width_of(s.name));
    shape_width = std::max(shape_width, concat(Shape(s.a)).size());
  }
  const auto line = [&](const std::string& name, const std::string& a, const std::string& b) {
    std::printf("%s  %s  %s\n", padded(name, name_width).c_str(), padded(a, shape_width).c_str(),
                b.c_str());
  };
  std::printf("\n");
  line("tensor", "in a", "in b");
  for (const DifferentShape& s : different) line(s.name, concat(Shape(s.a)), concat(Shape(s.b)));
}

void print_tensors(const std::vector<DifferentTensor>& different) {
  std::size_t name_width = 6, shape_width = 5;
  for (const DifferentTensor& t : different) {
    name_width = std::max(name_width, width_of(t.name));
    shape_width = std::max(shape_width, concat(Shape(t.shape)).size());
  }
  std::printf("\n%s  %s  max |a-b|  |a-b|/|b|\n", padded("tensor", name_width).c_str(),
              padded("shape", shape_width).c_str());
  for (const DifferentTensor& t : different) {
    const TensorDistance& d = t.distance;
    std::printf("%s  %s  %9.3g  %9.3g", padded(t.name, name_width).c_str(),
                padded(concat(Shape(t.shape)), shape_width).c_str(), d.largest, d.relative);
    if (d.not_finite_in_a + d.not_finite_in_b > 0)
      std::printf("  not finite: %lld in a, %lld in b", static_cast<long long>(d.not_finite_in_a),
                  static_cast<long long>(d.not_finite_in_b));
    std::printf("\n");
  }
}

void print_file(const char* label, const InspectedFile& file) {
  std::printf("%s          %s: %s%s\n", label, file.path.c_str(), file.format.c_str(),
              file.network ? (", " + name_of(file.network->config())).c_str() : "");
}

}  // namespace

WeightsDiff diff_of(const InspectedFile& a, const InspectedFile& b) {
  WeightsDiff diff;
  std::map<std::string, Array> rest = usual_arrays(b);
  for (const auto& [name, array] : usual_arrays(a)) {
    const auto other = rest.find(name);
    if (other == rest.end()) {
      diff.only_in_a.push_back(name);
      continue;
    }
    if (array.shape != other->second.shape) {
      diff.shapes.push_back({name, array.shape, other->second.shape});
    } else if (const auto d = distance_between(array, other->second); d.is_equal) {
      ++diff.equal;
    } else {
      diff.tensors.push_back({name, array.shape, d});
    }
    rest.erase(other);
  }
  for (const auto& [name, array] : rest) diff.only_in_b.push_back(name);
  compare_info(a, b, diff);
  return diff;
}

void print_diff(const InspectedFile& a, const InspectedFile& b, const WeightsDiff& diff) {
  print_file("a", a);
  print_file("b", b);
  if (!diff.only_in_a.empty()) std::printf("only in a  %s\n", joined(diff.only_in_a, 4).c_str());
  if (!diff.only_in_b.empty()) std::printf("only in b  %s\n", joined(diff.only_in_b, 4).c_str());
  if (!diff.shapes.empty()) print_shapes(diff.shapes);
  if (!diff.tensors.empty()) print_tensors(diff.tensors);
  std::printf("\n%s\n", summary(diff).c_str());
}

void print_diff_as_json(const InspectedFile& a, const InspectedFile& b, const WeightsDiff& diff) {
  Json json = {{"a", a.path.string()},         {"b", b.path.string()},
               {"equal", diff.is_empty()},     {"equal_tensors", diff.equal},
               {"only_in_a", diff.only_in_a},  {"only_in_b", diff.only_in_b},
               {"shapes", Json::array()},      {"tensors", Json::array()},
               {"attributes", diff.attributes}};
  for (const DifferentShape& s : diff.shapes)
    json["shapes"].push_back({{"name", s.name}, {"a", s.a}, {"b", s.b}});
  for (const DifferentTensor& t : diff.tensors)  // an infinite distance is null
    json["tensors"].push_back({{"name", t.name},
                               {"shape", t.shape},
                               {"max_abs", t.distance.largest},
                               {"relative", t.distance.relative},
                               {"not_finite_in_a", t.distance.not_finite_in_a},
                               {"not_finite_in_b", t.distance.not_finite_in_b}});
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace tl
