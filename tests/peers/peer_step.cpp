// peer_step: one network, one batch, everything that can be compared with PyTorch written to a
// file. Called by resnet_reference.py, whose docstring says what is compared.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "apps/array_tensor.h"
#include "apps/force_variant.h"
#include "engine/ops.h"
#include "io/hdf5_weights.h"
#include "kernels/parallel_for.h"
#include "models/resnet.h"
#include "models/weight_names.h"
#include "nn/optimizer.h"

namespace tl {
namespace {

struct Options {
  std::string arch = "resnet18", weights, input, out, device = "ref", dtype = "f64", mode = "train";
  std::string variant;
  std::int64_t classes = 1000;
  int threads = 0, steps = 10;
  double learning_rate = 0.01, momentum = 0.9;
};

std::map<std::string, Tensor> read_tensors(const std::string& path) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, array] : read_hdf5(path).arrays) tensors.emplace(name, to_tensor(array));
  return tensors;
}

/// Images have the axis order of filters: NCHW in the file, NHWC here.
Tensor images_from_file(const Tensor& x) { return filter_from_file(x); }
Tensor images_to_file(const Tensor& x) { return filter_to_file(x); }

class Output {
 public:
  void add(const std::string& name, const Tensor& x) {
    file_.arrays.emplace_back(name, to_array(x.detached()));
  }
  void write(const std::string& path) const { write_hdf5(path, file_); }

 private:
  WeightsFile file_;
};

void write_gradients(const ResNet& network, const Tensor& x, Output& out) {
  for (const NamedTensor& p : network.parameters())
    out.add("grad/" + p.name, filter_to_file(p.tensor.grad()));
  out.add("grad/input", images_to_file(x.grad()));
}

/// While it lives, counts the positive outputs of every ReLU on `device`, alone or behind a batch
/// norm, call by call. A count that differs from PyTorch's says that rounding pushed a number
/// across the kink. One at a time.
class ReluCounts {
 public:
  explicit ReluCounts(Device device)
      : below_(backend(device)), scope_(device, counting(backend(device))) {
    current_ = this;
  }
  const std::vector<std::int32_t>& counts() const { return counts_; }

 private:
  using TrainVariant = Variant<BatchNormProblem, BatchNormTrainArgs>;

  static const TrainVariant& chosen(const BatchNormProblem& p) {
    return current_->below_.batch_norm.train.choose(p);
  }

  Backend counting(Backend b) {
    const auto unary = b.elementwise.unary;
    b.elementwise.unary = [this, unary](Stream stream, const UnaryProblem& p, ConstView x, View y) {
      unary(stream, p, x, y);
      if (p.op == UnaryOp::relu) count(stream, y);
    };
    b.batch_norm.train = VariantSlot<BatchNormProblem, BatchNormTrainArgs>("batch_norm.train");
    b.batch_norm.train.add(
        {.name = "counted",
         .supports = [](const BatchNormProblem&) { return true; },
         .workspace_bytes = [](const BatchNormProblem& p) { return chosen(p).workspace_size(p); },
         .run =
             [](Stream stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
               chosen(p).run(stream, p, args);
               if (p.relu) current_->count(stream, args.y);
             }});
    return b;
  }

  void count(Stream stream, ConstView y) {
    counts_.push_back(with_float("relu", y.dtype, [&]<class T>(T) {
      std::vector<T> host(static_cast<std::size_t>(y.size));
      below_.memory.copy_to_host(stream, y, view_of(host.data(), y.size));
      return static_cast<std::int32_t>(
          std::count_if(host.begin(), host.end(), [](T v) { return v > 0; }));
    }));
  }

  static inline ReluCounts* current_ = nullptr;
  std::vector<std::int32_t> counts_;
  const Backend below_;
  ScopedBackend scope_;
};

/// The first forward pass, with the relu counts as "relu".
Tensor counted_forward(ResNet& network, const Tensor& x, Output& out) {
  ReluCounts relu(x.device());
  Tensor logits = network(x);
  const auto calls = static_cast<std::int64_t>(relu.counts().size());
  out.add("relu", Tensor::from(relu.counts(), {calls}, DType::i32, Device::ref));
  return logits;
}

void train(ResNet& network, const Tensor& x, const Tensor& labels, const Options& o, Output& out) {
  Sgd optimizer(network.parameters(), o.learning_rate, {.momentum = o.momentum});
  x.set_requires_grad();
  std::vector<double> losses;
  for (int step = 0; step < o.steps; ++step) {
    optimizer.clear_gradients();
    x.clear_grad();
    const Tensor logits = step == 0 ? counted_forward(network, x, out) : network(x);
    const Tensor loss = cross_entropy(logits, labels);
    losses.push_back(loss.item());
    backward(loss);
    if (step == 0) {
      out.add("logits", logits);
      out.add("loss", loss);
      write_gradients(network, x, out);
    }
    optimizer.step();
  }
  for (const NamedTensor& s : network.state())
    out.add("final/" + s.name, filter_to_file(s.tensor.detached()));
  NoGrad no_grad;
  losses.push_back(cross_entropy(network(x), labels).item());
  const auto count = static_cast<std::int64_t>(losses.size());
  out.add("losses", Tensor::from(losses, {count}, DType::f64, Device::ref));
}

void run(const Options& o) {
  if (o.threads > 0) set_thread_count(o.threads);
  const Placement where{o.dtype == "f64" ? DType::f64 : DType::f32, parse_device(o.device)};
  const auto forced = o.variant.empty() ? nullptr : force_variant(where.device, o.variant);
  ResNetConfig config = resnet_config(o.arch);
  config.classes = o.classes;
  Generator random(0);
  ResNet network(config, random, where);
  const ImportReport report = import_weights(network, read_tensors(o.weights));
  check(report.missing.empty() && report.wrong_shape.empty(), o.weights, ": ",
        report.missing.size(), " tensors are missing, ", report.wrong_shape.size(),
        " have another shape");

  const auto input = read_tensors(o.input);
  const Tensor x = images_from_file(input.at("images")).to(where.device, where.dtype);
  const Tensor labels = input.at("labels").to(where.device, DType::i32);
  Output out;
  if (o.mode == "forward") {
    network.eval();
    NoGrad no_grad;
    out.add("logits", network(x));
  } else {
    train(network, x, labels, o, out);
  }
  out.write(o.out);
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"One network, one batch, for the comparison with PyTorch", "peer_step"};
  tl::Options o;
  app.add_option("--arch", o.arch);
  app.add_option("--classes", o.classes);
  app.add_option("--weights", o.weights)->required();
  app.add_option("--input", o.input)->required();
  app.add_option("--out", o.out)->required();
  app.add_option("--device", o.device);
  app.add_option("--dtype", o.dtype)->check(CLI::IsMember({"f32", "f64"}));
  app.add_option("--mode", o.mode)->check(CLI::IsMember({"forward", "train"}));
  app.add_option("--variant", o.variant);
  app.add_option("--threads", o.threads);
  app.add_option("--steps", o.steps);
  app.add_option("--lr", o.learning_rate);
  app.add_option("--momentum", o.momentum);
  CLI11_PARSE(app, argc, argv);
  try {
    tl::run(o);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_step: %s\n", error.what());
    return 1;
  }
}
