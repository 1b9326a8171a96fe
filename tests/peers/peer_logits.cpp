// peer_logits: what a network of a weights file says of pictures, and the pixels that it saw.
// Called by keras_files.py.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/model_file.h"
#include "io/hdf5_weights.h"
#include "io/image.h"
#include "nn/frozen.h"

namespace tl {
namespace {

/// Writes to `out`: pixels u8 [n, crop, crop, 3], red, green, blue; logits f32 [n, classes].
void write_logits(const std::string& weights, const std::vector<std::string>& pictures,
                  const std::string& out) {
  const ModelFile file = read_model_file(weights);
  const Preprocessing how = file.preprocessing.value_or(Preprocessing{});
  Generator random = Generator::of_zeros();
  ResNet network(file.config(), random, {DType::f32, Device::cpu});
  const ImportReport report = import_weights(network, file.tensors);
  check(report.missing.empty() && report.wrong_shape.empty(), weights, ": ", report.missing.size(),
        " tensors missing, ", report.wrong_shape.size(), " do not fit");
  network.eval();
  FrozenNetwork frozen(network);

  const std::int64_t n = std::ssize(pictures);
  std::vector<std::uint8_t> pixels;
  std::vector<float> x(static_cast<std::size_t>(n * how.size()));
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Image image = resize_and_crop(read_image(pictures[i]), how);
    pixels.insert(pixels.end(), image.rgb.begin(), image.rgb.end());
    normalise(image, how, x.data() + static_cast<std::int64_t>(i) * how.size());
  }
  const Tensor logits = frozen(
      Tensor::from(std::span<const float>(x), {n, how.crop, how.crop, 3}, DType::f32, Device::cpu));
  WeightsFile result;
  result.arrays.emplace_back("pixels",
                             Array::copy_of<std::uint8_t>({n, how.crop, how.crop, 3}, pixels));
  result.arrays.emplace_back(
      "logits", Array::copy_of<float>(logits.shape().dims(), logits.to_vector<float>()));
  write_hdf5(out, result);
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"What a network says of pictures, in a file", "peer_logits"};
  std::string weights, out;
  std::vector<std::string> pictures;
  app.add_option("--weights", weights)->required();
  app.add_option("--out", out)->required();
  app.add_option("pictures", pictures)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    tl::write_logits(weights, pictures, out);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_logits: %s\n", error.what());
    return 1;
  }
}
