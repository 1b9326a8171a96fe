#include "apps/starting_network.h"

#include <cstdio>

#include "apps/mixed_precision.h"
#include "models/first_layer.h"

namespace tl {
namespace {

Preprocessing preprocessing_of_size(int size) {
  Preprocessing p;
  p.resize = size <= 64 ? size : size * 256 / 224;  // small pictures have no border to lose
  p.crop = size;
  return p;
}

/// What came from the file and what is new, in words. All but the head must have come from it.
void explain(const std::string& file, const ResNetConfig& own, std::int64_t classes_in_file,
             const ImportReport& report) {
  std::vector<std::string> problems = report.wrong_shape;
  for (const std::string& name : report.missing)
    if (!is_head(name)) problems.push_back(name + " is missing");
  check(problems.empty(), file, ": does not fit ", name_of(own), ": ", joined(problems, 4));
  std::printf("weights   %s: %s, %zu tensors matched\n", file.c_str(), name_of(own).c_str(),
              report.matched.size());
  std::printf("          kept: all below the head; fresh: the head (fc), for %lld classes%s\n",
              static_cast<long long>(own.classes),
              classes_in_file ? concat(" (the file's had ", classes_in_file, ")").c_str() : "");
  if (!report.unexpected.empty())
    std::printf("          in the file, not used: %s\n", joined(report.unexpected, 4).c_str());
}

StartingNetwork from_file(const std::string& path, std::int64_t classes, bool adapts,
                          Generator& random, Placement where) {
  const ModelFile file = read_model_file(path);
  ResNetConfig config = file.config();
  const std::int64_t channels_in_file = std::exchange(config.in_channels, kPictureChannels);
  check(channels_in_file == kPictureChannels || adapts, path, ": its first layer takes ",
        channels_in_file, channels_in_file == 1 ? " channel" : " channels",
        ", pictures have 3; --adapt-first-layer sums it up and spreads it over them");
  const std::int64_t classes_in_file = std::exchange(config.classes, classes);
  StartingNetwork start{std::make_unique<ResNet>(config, random, where), {}};
  auto tensors = with_usual_names(file.tensors);
  std::erase_if(tensors, [](const auto& entry) { return is_head(entry.first); });
  adapt_first_layer(tensors, kPictureChannels);
  explain(path, config, classes_in_file, import_usual_weights(*start.network, tensors));
  if (channels_in_file != kPictureChannels)
    std::printf("          adapted: the first layer, from %lld to 3 channels\n",
                static_cast<long long>(channels_in_file));
  if (file.preprocessing) start.preprocessing = *file.preprocessing;
  return start;
}

StartingNetwork from_scratch(const TrainOptions& options, std::int64_t classes, Generator& random,
                             Placement where) {
  ResNetConfig config = resnet_config(options.arch);
  config.classes = classes;
  std::printf("weights   none: %s with random weights%s\n", name_of(config).c_str(),
              options.scratch ? "" : " (give --weights for a pretrained one)");
  return {std::make_unique<ResNet>(config, random, where),
          preprocessing_of_size(config.stem == ResNetStem::conv3 ? 32 : 224)};
}

/// The head always, the rest where the options say so.
void mark_trained(ResNet& network, const TrainOptions& options) {
  network.set_requires_grad(options.scratch || options.unfreeze == "all");
  if (!options.unfreeze.empty() && options.unfreeze != "all")
    network.set_requires_grad_matching(options.unfreeze, true);
  network.fc.set_requires_grad(true);
  std::int64_t trained = 0, all = 0;
  for (const NamedTensor& p : network.parameters()) {
    all += p.tensor.size();
    if (p.tensor.requires_grad()) trained += p.tensor.size();
  }
  std::printf("trained   %lld of %lld parameters%s\n", static_cast<long long>(trained),
              static_cast<long long>(all), options.trains_head_alone() ? ": the head alone" : "");
}

}  // namespace

StartingNetwork make_starting_network(const TrainOptions& options, std::int64_t classes,
                                      Device device) {
  const Placement where{DType::f32, device};
  // Where the head alone is trained, on features, it starts elsewhere (head_trainer.h).
  Generator random = !options.weights.empty() && options.trains_head_alone()
                         ? Generator::of_zeros()
                         : Generator(options.recipe.seed);
  StartingNetwork start =
      options.weights.empty()
          ? from_scratch(options, classes, random, where)
          : from_file(options.weights, classes, options.adapt_first_layer, random, where);
  if (options.size > 0) {
    const Preprocessing sized = preprocessing_of_size(options.size);
    start.preprocessing.resize = sized.resize;
    start.preprocessing.crop = sized.crop;
  }
  start.network->activation_dtype = activation_dtype(options.amp, device);
  mark_trained(*start.network, options);
  return start;
}

std::string joined(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += concat(" and ", names.size() - most, " more");
  return text;
}

}  // namespace tl
