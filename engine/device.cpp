#include "engine/device.h"

#include <optional>

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
  }
  throw Error("device: no such device");
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
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, Device device) { return out << name_of(device); }

std::vector<Device> devices() {
  std::vector<Device> list = {Device::ref, Device::cpu};
  if (table().simt) list.push_back(Device::simt);
  return list;
}

Device parse_device(std::string_view name) {
  std::string known;
  for (Device device : devices()) {
    if (name == name_of(device)) return device;
    known += (known.empty() ? "" : ", ") + std::string(name_of(device));
  }
  throw Error(concat("device '", name, "': this build has ", known));
}

MemorySpace memory_space(Device device) {
  return device == Device::simt ? MemorySpace::simt : MemorySpace::host;
}

const Backend& backend(Device device) { return slot(device); }

ScopedBackend::ScopedBackend(Device device, Backend replacement)
    : device_(device), previous_(std::exchange(slot(device), std::move(replacement))) {}

ScopedBackend::~ScopedBackend() { slot(device_) = std::move(previous_); }

}  // namespace tl
