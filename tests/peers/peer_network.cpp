// peer_network: what a network of a weights file, as it was published, computes of given numbers:
// logits, if the file has a head, and features. Called by published_networks.py.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/array_tensor.h"
#include "apps/model_file.h"
#include "io/hdf5_weights.h"
#include "nn/frozen.h"

namespace tl {
namespace {

void add(WeightsFile& file, const std::string& name, const Tensor& x) {
  file.arrays.emplace_back(name, to_array(x.to(Device::ref, DType::f32)));
}

/// `input` holds "images" f32 [n, c, h, w]. `out` gets "features" of the frozen network,
/// "eval/features" of evaluation mode, and "logits".
void run(const std::string& weights, const std::string& input, const std::string& out) {
  const ModelFile file = read_model_file(weights);
  const ResNetConfig config = file.config();
  Generator random = Generator::of_zeros();
  ResNet network(config, random, {DType::f32, Device::cpu});
  const ImportReport report = import_weights(network, file.tensors);
  check(report.wrong_shape.empty(), report.wrong_shape.empty() ? "" : report.wrong_shape[0]);
  for (const std::string& name : report.missing)
    check(config.classes == 0 && is_head(name), weights, ": ", name, " is missing");
  network.eval();

  const WeightsFile given = read_hdf5(input);
  const Array* images = given.find("images");
  check(images != nullptr, input, ": there is no array 'images'");
  const Tensor x = filter_from_file(to_tensor(*images)).to(Device::cpu, DType::f32);
  FrozenNetwork frozen(network, [&](PlanBuilder& plan, const PlanValue& value) {
    return network.lower_features(plan, value);
  });
  const NoGrad no_grad;
  const Tensor features = frozen(x);
  WeightsFile result;
  add(result, "features", features);
  add(result, "eval/features", network.features(x));
  if (config.classes > 0) add(result, "logits", network.fc(features));
  write_hdf5(out, result);
  std::printf("%s\n", name_of(config).c_str());
  for (const std::string& name : report.unexpected) std::printf("unused %s\n", name.c_str());
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"What a network computes of given numbers, in a file", "peer_network"};
  std::string weights, input, out;
  app.add_option("--weights", weights)->required();
  app.add_option("--input", input)->required();
  app.add_option("--out", out)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    tl::run(weights, input, out);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_network: %s\n", error.what());
    return 1;
  }
}
