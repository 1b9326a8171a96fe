#include "engine/device.h"

#include <algorithm>
#include <charconv>
#include <optional>

#ifdef TL_WITH_CUDA
#include "kernels/gpu.h"
#endif

namespace tl {
namespace {

// The only place that knows which devices a build may lack.
struct Table {
  Backend ref = ref_backend();
  Backend cpu = cpu_backend();
#ifdef TL_WITH_SIMT
  std::optional<Backend> simt = simt_backend();
#else
  std::optional<Backend> simt;
#endif
#ifdef TL_WITH_CUDA
  std::optional<Backend> cuda = cuda_backend();
#else
  std::optional<Backend> cuda;
#endif
};

Table& table() {
  static Table instance;
  return instance;
}

Backend& slot(Device device) {
  switch (device) {
    case Device::ref:
      return table().ref;
    case Device::cpu:
      return table().cpu;
    case Device::simt:
      check(table().simt.has_value(), "device simt: not in this build (configure with TL_SIMT=ON)");
      return *table().simt;
    case Device::cuda:
      check(table().cuda.has_value(), "device cuda: not in this build (configure with TL_CUDA=ON)");
      return *table().cuda;
  }
  throw Error("device: no such device");
}

/// Why `cuda` cannot be used here; "" if it can.
std::string cuda_fault() {
#ifdef TL_WITH_CUDA
  return gpu_fault();
#else
  return "not in this build (configure with TL_CUDA=ON)";
#endif
}

constexpr std::string_view kNumbered = "cuda:";

std::optional<int> number_of(std::string_view name) {
  if (!name.starts_with(kNumbered)) return {};
  name.remove_prefix(kNumbered.size());
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size() || number < 0) return {};
  return number;
}

}  // namespace

const char* name_of(Device device) {
  switch (device) {
    case Device::ref:
      return "ref";
    case Device::cpu:
      return "cpu";
    case Device::simt:
      return "simt";
    case Device::cuda:
      return "cuda";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, Device device) { return out << name_of(device); }

std::vector<Device> devices() {
  std::vector<Device> list = {Device::ref, Device::cpu};
  if (table().simt) list.push_back(Device::simt);
  if (cuda_fault().empty()) list.push_back(Device::cuda);
  return list;
}

bool is_device_name(std::string_view name) {
  for (const char* known : {"ref", "cpu", "simt", "cuda", "auto"}) {
    if (name == known) return true;
  }
  return number_of(name).has_value();
}

Device parse_device(std::string_view name) {
  if (name == "auto") return cuda_fault().empty() ? Device::cuda : Device::cpu;
  if (name == "cuda" || number_of(name)) {
#ifdef TL_WITH_CUDA
    if (number_of(name)) use_gpu(*number_of(name));
#endif
    const std::string fault = cuda_fault();
    check(fault.empty(), "device ", name, ": ", fault);
    return Device::cuda;
  }
  std::string known;
  for (Device device : devices()) {
    if (name == name_of(device)) return device;
    known += (known.empty() ? "" : ", ") + std::string(name_of(device));
  }
  throw Error(concat("device '", name, "': this build has ", known));
}

MemorySpace memory_space(Device device) {
  switch (device) {
    case Device::ref:
    case Device::cpu:
      return MemorySpace::host;
    case Device::simt:
      return MemorySpace::simt;
    case Device::cuda:
      return MemorySpace::cuda;
  }
  throw Error("device: no such device");
}

const Backend& backend(Device device) { return slot(device); }

ScopedBackend::ScopedBackend(Device device, Backend replacement)
    : device_(device), previous_(std::exchange(slot(device), std::move(replacement))) {}

ScopedBackend::~ScopedBackend() { slot(device_) = std::move(previous_); }

}  // namespace tl
