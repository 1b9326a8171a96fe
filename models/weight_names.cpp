#include "models/weight_names.h"

#include <array>

namespace tl {
namespace {

/// y[o, order...] of a 4-D tensor on the host; order[i] is the source dimension of dimension i.
Tensor permuted(const Tensor& x, const std::array<int, 4>& order) {
  const std::vector<std::int64_t>& in = x.shape().dims();
  std::array<std::int64_t, 4> stride{};
  for (std::int64_t s = 1, i = 3; i >= 0; --i) {
    stride[static_cast<std::size_t>(i)] = s;
    s *= in[static_cast<std::size_t>(i)];
  }
  std::array<std::int64_t, 4> out{}, step{};
  for (std::size_t i = 0; i < 4; ++i) {
    out[i] = in[static_cast<std::size_t>(order[i])];
    step[i] = stride[static_cast<std::size_t>(order[i])];
  }
  const auto source = x.to_vector<double>();
  std::vector<double> values;
  values.reserve(source.size());
  for (std::int64_t a = 0; a < out[0]; ++a)
    for (std::int64_t b = 0; b < out[1]; ++b)
      for (std::int64_t c = 0; c < out[2]; ++c)
        for (std::int64_t d = 0; d < out[3]; ++d)
          values.push_back(source[static_cast<std::size_t>(a * step[0] + b * step[1] + c * step[2] +
                                                           d * step[3])]);
  return Tensor::from(values, {out[0], out[1], out[2], out[3]}, x.dtype(), x.device());
}

/// PyTorch's count of training steps per batch norm: nothing of ours depends on it.
bool is_ignored(const std::string& name) { return name.ends_with(".num_batches_tracked"); }

}  // namespace

Tensor filter_from_file(const Tensor& x) { return x.rank() == 4 ? permuted(x, {0, 2, 3, 1}) : x; }

Tensor filter_to_file(const Tensor& x) { return x.rank() == 4 ? permuted(x, {0, 3, 1, 2}) : x; }

std::string usual_name(const std::string& name) {
  if (name.starts_with("linear.")) return "fc." + name.substr(7);
  const std::string shortcut = ".shortcut.";
  const std::size_t at = name.find(shortcut);
  if (at == std::string::npos || !name.starts_with("layer")) return name;
  return name.substr(0, at) + ".downsample." + name.substr(at + shortcut.size());
}

ImportReport import_weights(const Module& module, const std::map<std::string, Tensor>& file) {
  ImportReport report;
  std::map<std::string, Tensor> rest = with_usual_names(file);
  for (const NamedTensor& own : module.state()) {
    const auto found = rest.find(own.name);
    if (found == rest.end()) {
      report.missing.push_back(own.name);
      continue;
    }
    const Tensor x = filter_from_file(found->second);
    if (x.dtype() != DType::f32 && x.dtype() != DType::f64) {
      report.wrong_shape.push_back(concat(own.name, ": file ", x.dtype(), ", not a float"));
    } else if (x.shape() == own.tensor.shape()) {
      own.tensor.copy_from(x.to(own.tensor.device(), own.tensor.dtype()));
      report.matched.push_back(own.name);
    } else {
      report.wrong_shape.push_back(concat(own.name, ": file ", found->second.shape(), ", network ",
                                          filter_to_file(own.tensor.detached()).shape()));
    }
    rest.erase(found);
  }
  for (const auto& [name, tensor] : rest) {
    if (!is_ignored(name)) report.unexpected.push_back(name);
  }
  return report;
}

std::map<std::string, Tensor> export_weights(const Module& module) {
  std::map<std::string, Tensor> file;
  for (const NamedTensor& own : module.state()) {
    const Tensor x = own.tensor.detached();
    file.emplace(own.name, x.rank() == 4 ? filter_to_file(x) : x.clone());
  }
  return file;
}

}  // namespace tl
