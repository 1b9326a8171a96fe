#include "models/weight_names.h"

#include <cmath>
#include <limits>
#include <span>

#include "engine/ops.h"

namespace tl {
namespace {

/// Whether a value can be no weight of dtype `own`, and no variance where `is_variance`.
template <class T>
const char* fault_of(std::span<const T> values, DType own, bool is_variance) {
  const double most =
      own == DType::f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  const double least = is_variance ? 0 : -most;
  bool is_fine = true;  // without a branch per number: a network has millions
  for (const double value : values) is_fine &= value >= least && value <= most;
  if (is_fine) return nullptr;
  for (const double value : values) {
    if (!std::isfinite(value)) return "holds NaN or infinity";
    if (std::abs(value) > most) return "holds a number that f32 does not";
  }
  return "holds a negative variance";
}

Shape shape_in_file(const Shape& own) {
  return own.rank() == 4 ? Shape{own[0], own[3], own[1], own[2]} : own;
}

/// Why the file's x cannot become `own`, by name; "" if it can.
std::string misfit(const NamedTensor& own, const Tensor& x) {
  if (!is_float(x.dtype())) return concat(own.name, ": file ", x.dtype(), ", not a float");
  const Shape expected = shape_in_file(own.tensor.shape());
  if (x.shape() != expected) return concat(own.name, ": file ", x.shape(), ", network ", expected);
  const Tensor host = x.to(Device::ref, x.dtype());
  const char* fault = with_type(x.dtype(), [&]<class T>(T) {
    const std::span values(host.readable().as<T>(), static_cast<std::size_t>(host.size()));
    return fault_of(values, own.tensor.dtype(), own.name.ends_with("running_var"));
  });
  return fault ? concat(own.name, ": ", fault) : "";
}

}  // namespace

Tensor filter_from_file(const Tensor& x) { return x.rank() == 4 ? transpose(x, {0, 2, 3, 1}) : x; }

Tensor filter_to_file(const Tensor& x) { return x.rank() == 4 ? transpose(x, {0, 3, 1, 2}) : x; }

ImportReport import_weights(const Module& module, const std::map<std::string, Tensor>& file) {
  return import_usual_weights(module, with_usual_names(file));
}

ImportReport import_usual_weights(const Module& module, std::map<std::string, Tensor> rest) {
  ImportReport report;
  for (const NamedTensor& own : module.state()) {
    const auto found = rest.find(own.name);
    if (found == rest.end()) {
      report.missing.push_back(own.name);
      continue;
    }
    const Tensor& x = found->second;
    if (std::string fault = misfit(own, x); !fault.empty()) {
      report.wrong_shape.push_back(std::move(fault));
    } else {
      own.tensor.copy_from(filter_from_file(x).to(x.device(), own.tensor.dtype()));
      report.matched.push_back(own.name);
    }
    rest.erase(found);
  }
  for (const auto& [name, tensor] : rest) {
    if (!is_bookkeeping(name)) report.unexpected.push_back(name);
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
