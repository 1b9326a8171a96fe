// finetune WEIGHTS.h5 PICTURES OUT.h5: a new head on a frozen, pretrained ResNet, with the engine
// itself: load, freeze, new head, train, save. OUT.h5 is a model for `tlrun predict --model`.
#include <cstdio>
#include <string>

#include "apps/model_file.h"
#include "engine/ops.h"
#include "io/batch_loader.h"
#include "nn/optimizer.h"

int main(int argc, char** argv) try {
  tl::check(argc == 4, "usage: finetune WEIGHTS.h5 PICTURES OUT.h5");
  const tl::Dataset data = tl::open_dataset(argv[2], {});
  const tl::ModelFile file = tl::read_model_file(argv[1]);
  const tl::Preprocessing pixels = file.preprocessing.value_or(tl::Preprocessing{});

  tl::ResNetConfig config = file.config();
  config.classes = std::ssize(data.classes);  // the file's head does not fit: ours stays random
  tl::Generator random(0);
  tl::ResNet network(config, random, {tl::DType::f32, tl::Device::cpu});
  tl::import_weights(network, file.tensors);
  network.set_requires_grad(false);
  network.fc.set_requires_grad(true);

  tl::Adam optimizer(network.parameters(), 1e-3);
  for (int epoch = 1; epoch <= 5; ++epoch) {
    const auto order = random.permutation(std::ssize(data.train));
    tl::BatchLoader loader(data.train, order, pixels, {.batch_size = 16});
    double loss_sum = 0;
    for (tl::Batch batch; loader.next(batch);) {
      const tl::Shape shape{batch.size(), pixels.crop, pixels.crop, 3};
      const auto x = tl::Tensor::from(batch.pixels, shape, tl::DType::f32, tl::Device::cpu);
      const auto labels =
          tl::Tensor::from(batch.labels, {batch.size()}, tl::DType::i32, tl::Device::cpu);
      const tl::Tensor loss = tl::cross_entropy(network(x), labels);
      optimizer.clear_gradients();
      tl::backward(loss);
      optimizer.step();
      loss_sum += loss.item() * static_cast<double>(batch.size());
    }
    std::printf("epoch %d: loss %.4f\n", epoch, loss_sum / static_cast<double>(order.size()));
  }
  tl::write_model_file(argv[3], network, {data.classes, pixels});
} catch (const std::exception& error) {
  std::fprintf(stderr, "finetune: %s\n", error.what());
  return 1;
}
