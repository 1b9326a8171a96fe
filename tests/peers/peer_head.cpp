// peer_head: tlrun's training of a head on the features that peer_features wrote, with all that
// PyTorch needs to repeat it: initial head and orders. Called by hymenoptera.py. Losses and
// accuracies are taken over the whole set after each epoch.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "apps/array_tensor.h"
#include "apps/head_trainer.h"
#include "io/hdf5_weights.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

template <class T>
void add(WeightsFile& file, const std::string& name, const std::vector<T>& values,
         std::vector<std::int64_t> shape) {
  file.arrays.emplace_back(name, Array::copy_of<T>(std::move(shape), values));
}

Features read_features(const WeightsFile& file, const std::string& set) {
  const Array* x = file.find(set + "/features");
  const Array* labels = file.find(set + "/labels");
  check(x && labels && x->shape.size() == 2, "no features of the set ", set);
  Features f;
  f.columns = x->shape[1];
  f.x.assign(x->as<float>().begin(), x->as<float>().end());
  f.labels.assign(labels->as<std::int32_t>().begin(), labels->as<std::int32_t>().end());
  return f;
}

void train_head(const std::string& features, int epochs, const Recipe& recipe, Device device,
                const std::string& out) {
  const WeightsFile input = read_hdf5(features);
  const Features train = read_features(input, "train"), val = read_features(input, "val");
  const std::int64_t classes = 1 + *std::max_element(train.labels.begin(), train.labels.end());
  HeadTrainer trainer(train, classes, recipe, device);
  WeightsFile file;
  const auto add_tensor = [&](const std::string& name, const Tensor& x) {
    file.arrays.emplace_back(name, to_array(x.detached()));
  };
  add_tensor("init/weight", trainer.head.weight);
  add_tensor("init/bias", trainer.head.bias);
  std::vector<std::int32_t> orders;
  std::vector<double> train_loss, train_accuracy, val_loss, val_accuracy;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const auto order = trainer.run_epoch();
    orders.insert(orders.end(), order.begin(), order.end());
    const auto t = trainer.evaluate(train), v = trainer.evaluate(val);
    train_loss.push_back(t->loss);
    train_accuracy.push_back(t->accuracy);
    val_loss.push_back(v->loss);
    val_accuracy.push_back(v->accuracy);
  }
  add(file, "order", orders, {epochs, train.rows()});
  add(file, "loss", train_loss, {epochs});
  add(file, "train_accuracy", train_accuracy, {epochs});
  add(file, "val_loss", val_loss, {epochs});
  add(file, "val_accuracy", val_accuracy, {epochs});
  add_tensor("final/weight", trainer.head.weight);
  add_tensor("final/bias", trainer.head.bias);
  write_hdf5(out, file);
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"Trains a head on features from a file", "peer_head"};
  std::string features, out, device = "cpu";
  int threads = 0, epochs = 10;
  tl::Recipe recipe;
  app.add_option("--features", features)->required();
  app.add_option("--epochs", epochs);
  app.add_option("--seed", recipe.seed);
  app.add_option("--out", out)->required();
  app.add_option("--device", device);
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  try {
    if (threads > 0) tl::set_thread_count(threads);
    tl::train_head(features, epochs, recipe, tl::parse_device(device), out);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_head: %s\n", error.what());
    return 1;
  }
}
