// The network that training begins with, from files that others wrote for other tasks.
#include "apps/starting_network.h"

#include <doctest/doctest.h>

#include "apps/array_tensor.h"
#include "io/hdf5_weights.h"
#include "models/first_layer.h"
#include "tests/support/random_state.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

constexpr Placement kCpu{DType::f32, Device::cpu};

std::map<std::string, Tensor> small_weights(std::int64_t channels) {
  Generator random(1);
  ResNet network({.depths = {1, 1, 1, 1}, .width = 4, .in_channels = channels, .classes = 6},
                 random, kCpu);
  randomize_state(network, 2);
  return export_weights(network);
}

void write_weights(const std::filesystem::path& path,
                   const std::map<std::string, Tensor>& tensors) {
  WeightsFile file;
  for (const auto& [name, tensor] : tensors) file.arrays.emplace_back(name, to_array(tensor));
  write_hdf5(path, file);
}

std::string start_error(const TrainOptions& options) {
  try {
    make_starting_network(options, 2, Device::cpu);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("starting network: weights for grey pictures, on request") {
  const TemporaryFolder folder;
  auto tensors = small_weights(1);
  write_weights(folder / "grey.h5", tensors);
  TrainOptions options;
  options.weights = (folder / "grey.h5").string();
  CHECK(
      start_error(options) ==
      options.weights +
          ": its first layer takes 1 channel, pictures have 3; --adapt-first-layer sums it up and "
          "spreads it over them");
  options.adapt_first_layer = true;
  const StartingNetwork start = make_starting_network(options, 2, Device::cpu);
  CHECK(start.network->config.in_channels == 3);
  adapt_first_layer(tensors, 3);
  for (const auto& [name, tensor] : export_weights(*start.network)) {
    CAPTURE(name);
    if (!is_head(name)) CHECK(tensor.to_vector<float>() == tensors.at(name).to_vector<float>());
  }

  // A head that was trained on it finds it again.
  const ModelInfo info{{"ant", "bee"}, {}};
  write_head_file(folder / "head.h5", *start.network, info,
                  {options.weights, 0, checksum_of_backbone(*start.network)});
  const LoadedModel back = load_model(folder / "head.h5", kCpu);
  CHECK(back.network->config == start.network->config);
  CHECK(checksum_of_backbone(*back.network) == checksum_of_backbone(*start.network));

  // The option changes nothing where nothing is to be adapted.
  write_weights(folder / "colour.h5", small_weights(3));
  options.weights = (folder / "colour.h5").string();
  const auto adapted = make_starting_network(options, 2, Device::cpu).network;
  options.adapt_first_layer = false;
  CHECK(checksum_of_backbone(*adapted) ==
        checksum_of_backbone(*make_starting_network(options, 2, Device::cpu).network));
}

TEST_CASE("starting network: a second layer in the file does not become the new head") {
  const TemporaryFolder folder;
  auto file = small_weights(3);
  file.emplace("auxiliary.weight", Tensor::full({2, 32}, 0.5, DType::f32, Device::cpu));
  file.emplace("auxiliary.bias", Tensor::full({2}, 0.5, DType::f32, Device::cpu));
  write_weights(folder / "two.h5", file);
  TrainOptions options;
  options.weights = (folder / "two.h5").string();
  const auto network = make_starting_network(options, 2, Device::cpu).network;
  CHECK(network->fc.weight.to_vector<float>() != std::vector<float>(64, 0.5f));
  CHECK(network->fc.bias.to_vector<float>() != std::vector<float>(2, 0.5f));
}

TEST_CASE("starting network: a contrastive checkpoint, with two networks and projections") {
  const TemporaryFolder folder;
  std::map<std::string, Tensor> file;
  for (const auto& [name, tensor] : small_weights(3)) {
    if (is_head(name)) continue;
    file.emplace("module.encoder_q." + name, tensor);
    file.emplace("module.encoder_k." + name, Tensor::zeros_like(tensor));
  }
  for (const char* encoder : {"module.encoder_q.", "module.encoder_k."}) {
    file.emplace(concat(encoder, "fc.0.weight"), Tensor::zeros({32, 32}, DType::f32, Device::cpu));
    file.emplace(concat(encoder, "fc.0.bias"), Tensor::zeros({32}, DType::f32, Device::cpu));
    file.emplace(concat(encoder, "fc.2.weight"), Tensor::zeros({8, 32}, DType::f32, Device::cpu));
    file.emplace(concat(encoder, "fc.2.bias"), Tensor::zeros({8}, DType::f32, Device::cpu));
  }
  file.emplace("module.queue", Tensor::zeros({8, 16}, DType::f32, Device::cpu));
  write_weights(folder / "moco.h5", file);
  write_weights(folder / "plain.h5", small_weights(3));
  TrainOptions options;
  options.weights = (folder / "moco.h5").string();
  const auto network = make_starting_network(options, 2, Device::cpu).network;
  options.weights = (folder / "plain.h5").string();
  CHECK(checksum_of_backbone(*network) ==
        checksum_of_backbone(*make_starting_network(options, 2, Device::cpu).network));
}

}  // namespace
}  // namespace tl::test
