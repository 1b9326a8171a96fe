#include "apps/run_config.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/cpu/simd_target.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Recipe& r) {
  return {{"batch_size", r.batch_size},
          {"learning_rate", r.learning_rate},
          {"seed", r.seed},
          {"epochs", r.epochs},
          {"optimizer", r.optimizer},
          {"momentum", r.momentum},
          {"weight_decay", r.weight_decay},
          {"schedule", r.schedule},
          {"warmup", r.warmup},
          {"clip", r.clip},
          {"label_smoothing", r.label_smoothing},
          {"class_weights", r.balanced ? "balanced" : "equal"}};
}

Json json_of(const TrainOptions& o) {
  return {{"weights", o.weights},
          {"adapt_first_layer", o.adapt_first_layer},
          {"arch", o.arch},
          {"scratch", o.scratch},
          {"unfreeze", o.unfreeze},
          {"augment", o.augment},
          {"amp", o.amp},
          {"data", o.data},
          {"size", o.size},
          {"device", o.device},
          {"recipe", json_of(o.recipe)},
          {"val_fraction", o.val_fraction},
          {"strict", o.strict},
          {"autotune", o.autotune}};
}

/// Pictures per class.
Json json_of(const std::vector<Sample>& samples, const std::vector<std::string>& classes) {
  std::vector<std::int64_t> counts(classes.size(), 0);
  for (const Sample& s : samples) ++counts[static_cast<std::size_t>(s.label)];
  Json json = Json::object();
  for (std::size_t c = 0; c < classes.size(); ++c) json[classes[c]] = counts[c];
  return json;
}

template <class... Slots>
Json variants_of(const Slots&... slots) {
  Json json;
  const auto add = [&](const auto& slot) {
    Json names = Json::array();
    for (const auto& variant : slot.all()) names.push_back(variant.name);
    json[slot.name()] = std::move(names);
  };
  (add(slots), ...);
  return json;
}

/// What --autotune found.
template <class... Slots>
Json preferred_of(const Slots&... slots) {
  Json json = Json::object();
  const auto add = [&](const auto& slot) {
    for (const auto& [problem, variant] : slot.preferred()) json[slot.name()][problem] = variant;
  };
  (add(slots), ...);
  return json;
}

Json preferred_of(Device device) {
  const Backend& b = backend(device);
  return preferred_of(b.gemm.run, b.conv2d.forward, b.conv2d.backward_data,
                      b.conv2d.backward_weight);
}

Json variants_of(Device device) {
  const Backend& b = backend(device);
  return variants_of(b.gemm.run, b.conv2d.forward, b.conv2d.backward_data, b.conv2d.backward_weight,
                     b.batch_norm.train, b.batch_norm.train_backward, b.batch_norm.eval,
                     b.batch_norm.eval_backward);
}

}  // namespace

std::string config_json(const TrainingJob& job) {
  const Dataset& d = job.data;
  Json json = {{"format", "tlrun run 1"},
               {"version", TL_VERSION},
               {"options", json_of(job.options)},
               {"architecture", name_of(job.network().config)},
               {"classes", d.classes},
               {"preprocessing", Json::parse(to_json(job.start.preprocessing))},
               {"pictures",
                {{"layout", d.layout},
                 {"train", json_of(d.train, d.classes)},
                 {"val", json_of(d.val, d.classes)},
                 {"test", json_of(d.test, d.classes)}}},
               {"threads", thread_count()},
               {"simd", job.device == Device::cpu ? cpu::simd_target_name() : "none"},
               {"variants", variants_of(job.device)},
               {"tuned", preferred_of(job.device)}};
  return json.dump(2) + "\n";
}

SplitOptions split_of_run(const std::filesystem::path& model) {
  std::ifstream file(model.parent_path() / "config.json");
  const Json json = Json::parse(file, nullptr, false);
  try {
    const Json& options = json.at("options");
    return {options.at("val_fraction").get<double>(),
            options.at("recipe").at("seed").get<std::uint64_t>()};
  } catch (const Json::exception&) {
    return {};
  }
}

}  // namespace tl
