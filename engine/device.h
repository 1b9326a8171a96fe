// Device: where a tensor lies and computes, and the kernels that it computes with.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/backend.h"

namespace tl {

/// ref: naive loops, f32 and f64. cpu: the tuned kernels, f32. simt: the CUDA kernels on the host.
enum class Device { ref, cpu, simt };

/// Devices of one memory space can read each other's buffers: ref and cpu.
enum class MemorySpace { host, simt };

/// "ref", "cpu" or "simt"; throws, listing the devices of this build, for anything else.
Device parse_device(std::string_view name);
const char* name_of(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

/// The devices that this build contains.
std::vector<Device> devices();

MemorySpace memory_space(Device device);

/// The kernels in use on `device`; throws when this build does not contain it.
const Backend& backend(Device device);

/// Replaces the kernels of a device while it lives: to force a variant, or to find a fault by
/// swapping one kernel. Not to be made while another thread computes.
class ScopedBackend {
 public:
  ScopedBackend(Device device, Backend replacement);
  ~ScopedBackend();
  ScopedBackend(const ScopedBackend&) = delete;
  ScopedBackend& operator=(const ScopedBackend&) = delete;

 private:
  Device device_;
  Backend previous_;
};

}  // namespace tl
