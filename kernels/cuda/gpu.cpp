// The choice of a GPU. cudaSetDevice() holds for one thread; here it is to hold for all of them,
// also for those that a library starts. So it is made through the variable that the driver reads
// when it is first called.
#include "kernels/gpu.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <sstream>
#include <vector>

#include "kernels/error.h"

namespace tl {
namespace {

constexpr const char* kVisible = "CUDA_VISIBLE_DEVICES";

int chosen = 0;
/// Whether the driver has been called: it reads the variable once.
bool is_started = false;

std::string ask() {
  is_started = true;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) return concat("no GPU found (", cudaGetErrorString(error), ")");
  return count > 0 ? "" : "no GPU found";
}

/// What the variable names, or "number" itself where it is not set.
std::string visible_name(int number) {
  const char* visible = std::getenv(kVisible);
  if (!visible) return std::to_string(number);
  std::istringstream list(visible);
  std::vector<std::string> names;
  for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  check(number < static_cast<int>(names.size()), "device cuda:", number, ": ", kVisible, "=",
        visible, " shows ", names.size(), names.size() == 1 ? " GPU" : " GPUs");
  return names[static_cast<std::size_t>(number)];
}

}  // namespace

std::string gpu_fault() {
  static const std::string fault = ask();
  return fault;
}

void use_gpu(int number) {
  if (is_started && number == chosen) return;
  check(!is_started, "device cuda:", number, ": the process uses cuda:", chosen, " already");
  setenv(kVisible, visible_name(number).c_str(), 1);
  chosen = number;
}

}  // namespace tl
