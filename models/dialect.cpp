#include "models/dialect.h"

#include <algorithm>
#include <tuple>

namespace tl {
namespace {

/// Whether a path has one of these words, between dots and underscores.
bool is_moving_average(const std::string& prefix) {
  const std::set<std::string> marks = {"ema", "k", "momentum", "target", "teacher"};
  for (std::size_t begin = 0; begin < prefix.size();) {
    const std::size_t end = std::min(prefix.find_first_of("._", begin), prefix.size());
    if (marks.contains(prefix.substr(begin, end - begin))) return true;
    begin = end + 1;
  }
  return false;
}

bool has_below(const std::set<std::string>& names, const std::string& prefix) {
  const auto found = names.lower_bound(prefix);
  return found != names.end() && found->starts_with(prefix);
}

}  // namespace

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> all = {
      {{"conv1.weight", "conv1.0.weight"}, "layer1.", usual_name_torchvision},
      {{"embedder.embedder.convolution.weight"}, "encoder.stages.0.", usual_name_huggingface},
      {{"stem.0.weight"}, "layer1.", usual_name_openmmlab},
      {{"conv1.0.weight"}, "conv2_x.", usual_name_cifar100},
      {{"0.weight"}, "4.0.conv1.", usual_name_sequential},
      {{"0.weight"}, "3.0.conv1.", usual_name_sequential_without_pool},
  };
  return all;
}

NetworkNames find_network(const std::set<std::string>& names) {
  NetworkNames best;
  const auto rank = [](const std::string& prefix) {
    return std::tuple(is_moving_average(prefix), prefix.size());
  };
  for (const Dialect& dialect : dialects()) {
    for (const std::string& stem : dialect.stems) {
      for (const std::string& name : names) {
        if (!name.ends_with(stem)) continue;
        const std::string prefix = name.substr(0, name.size() - stem.size());
        if (!prefix.empty() && !prefix.ends_with('.')) continue;
        if (!has_below(names, prefix + dialect.first_stage)) continue;
        if (!best.dialect || rank(prefix) < rank(best.prefix)) best = {&dialect, prefix};
      }
    }
  }
  return best;
}

bool take_front(std::string& name, const std::string& word) {
  if (!name.starts_with(word)) return false;
  name.erase(0, word.size());
  return true;
}

}  // namespace tl
