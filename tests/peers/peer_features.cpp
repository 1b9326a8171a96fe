// peer_features: the features that tlrun trains on, written to a file. Called by hymenoptera.py.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/file_features.h"
#include "apps/model_file.h"
#include "apps/picture_files.h"
#include "io/hdf5_weights.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

template <class T>
void add(WeightsFile& file, const std::string& name, const std::vector<T>& values,
         std::vector<std::int64_t> shape) {
  file.arrays.emplace_back(name, Array::copy_of<T>(std::move(shape), values));
}

void write_features(const std::string& weights, const std::string& data, Device device,
                    const std::string& out) {
  const Dataset folder = open_dataset(data, {});
  const ModelFile model = read_model_file(weights);
  ResNetConfig config = model.config();
  config.classes = 2;  // the head is not used
  Generator random(0);
  ResNet network(config, random, {DType::f32, device});
  import_weights(network, model.tensors);
  network.eval();
  FrozenNetwork frozen(network, [&network](PlanBuilder& plan, const PlanValue& x) {
    return network.lower_features(plan, x);
  });
  BrokenPictures broken(false);
  WeightsFile file;
  for (const auto& [set, samples] :
       {std::pair{std::string("train"), folder.train}, {std::string("val"), folder.val}}) {
    FeatureCache none("", "", network.config.feature_count());
    const Features f = features_of_files(frozen, samples, {}, device, none, broken);
    add(file, set + "/features", f.x, {f.rows(), f.columns});
    add(file, set + "/labels", f.labels, {f.rows()});
    std::string paths;
    for (std::int64_t i : f.samples)
      paths += samples[static_cast<std::size_t>(i)].path.string() + "\n";
    add(file, set + "/paths", std::vector<std::uint8_t>(paths.begin(), paths.end()),
        {static_cast<std::int64_t>(paths.size())});
  }
  write_hdf5(out, file);
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"The features that tlrun trains on, in a file", "peer_features"};
  std::string weights, data, out, device = "cpu";
  int threads = 0;
  app.add_option("--weights", weights)->required();
  app.add_option("--data", data)->required();
  app.add_option("--out", out)->required();
  app.add_option("--device", device);
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  try {
    if (threads > 0) tl::set_thread_count(threads);
    tl::write_features(weights, data, tl::parse_device(device), out);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_features: %s\n", error.what());
    return 1;
  }
}
