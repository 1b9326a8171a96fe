// Device: where a tensor lies and computes, and the kernels that it computes with.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/backend.h"

namespace tl {

/// ref: naive loops, every dtype. cpu: the tuned kernels, f32. simt: the CUDA kernels on the host.
/// cuda: the CUDA kernels on a GPU, one per process.
enum class Device { ref, cpu, simt, cuda };

/// Devices of one memory space can read each other's buffers: ref and cpu.
enum class MemorySpace { host, simt, cuda };
inline constexpr int kMemorySpaces = 3;

/// Whether `name` is what parse_device() reads on some machine: "ref", "cpu", "simt", "cuda",
/// "cuda:N" or "auto".
bool is_device_name(std::string_view name);

/// The device of that name; "auto" is cuda where there is a GPU that this build can use, else cpu.
/// "cuda:N" is GPU number N, from 0, for the whole process: to be said before anything is done on a
/// GPU. Throws where the build or the machine does not have it.
Device parse_device(std::string_view name);
const char* name_of(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

/// The devices that this build contains and this machine has.
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
