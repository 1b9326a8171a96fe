// Devices by name, and replaced kernels.
#include "engine/device.h"

#include <algorithm>

#include "engine/ops.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

TEST_CASE("device: names") {
  for (const Device device : devices()) CHECK(parse_device(name_of(device)) == device);
  CHECK(devices()[0] == Device::ref);
  CHECK(devices()[1] == Device::cpu);
  CHECK(concat(Device::simt) == "simt");
  CHECK_THROWS_WITH_AS(parse_device("gpu"), doctest::Contains("device 'gpu': this build has ref"),
                       Error);
  CHECK_THROWS_AS(parse_device(""), Error);
  CHECK_THROWS_AS(parse_device("cuda:"), Error);
  CHECK_THROWS_AS(parse_device("cuda:x1"), Error);
  for (const char* name : {"ref", "cpu", "simt", "cuda", "cuda:0", "cuda:12", "auto"})
    CHECK(is_device_name(name));
  for (const char* name : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "CPU"})
    CHECK_FALSE(is_device_name(name));
  const auto here = devices();
  const bool has_gpu = std::find(here.begin(), here.end(), Device::cuda) != here.end();
  CHECK(parse_device("auto") == (has_gpu ? Device::cuda : Device::cpu));
#ifdef TL_WITH_CUDA
  if (!has_gpu) CHECK_ERROR(parse_device("cuda"), doctest::Contains("device cuda: no GPU found"));
  if (!has_gpu) CHECK_ERROR(parse_device("cuda:1"), doctest::Contains("device cuda:"));
#else
  CHECK_ERROR(parse_device("cuda"), "device cuda: not in this build (configure with TL_CUDA=ON)");
  CHECK_ERROR(parse_device("cuda:1"),
              "device cuda:1: not in this build (configure with TL_CUDA=ON)");
#endif
#ifndef TL_WITH_SIMT
  CHECK_ERROR(parse_device("simt"), "device 'simt': this build has ref, cpu");
  CHECK_ERROR(backend(Device::simt), "device simt: not in this build (configure with TL_SIMT=ON)");
#endif
}

TEST_CASE("device: ref and cpu share memory") {
  CHECK(memory_space(Device::ref) == memory_space(Device::cpu));
  CHECK(memory_space(Device::ref) != memory_space(Device::simt));
}

TEST_CASE("device: every backend says its name") {
  for (const Device device : devices()) {
    CHECK(std::string(backend(device).name) == name_of(device));
  }
}

TEST_CASE("device: a replaced kernel is used until the end of its scope") {
  const Tensor x = Tensor::full({3}, 2, DType::f64, Device::ref);
  {
    Backend swapped = backend(Device::ref);
    swapped.elementwise.unary = [](Stream stream, const UnaryProblem&, ConstView, View y) {
      ref_backend().memory.fill(stream, 42, y);
    };
    ScopedBackend scoped(Device::ref, swapped);
    CHECK(relu(x).to_vector<double>() == std::vector<double>(3, 42));
  }
  CHECK(relu(x).to_vector<double>() == std::vector<double>(3, 2));
}

}  // namespace
}  // namespace tl::test
