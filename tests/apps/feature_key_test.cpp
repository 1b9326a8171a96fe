// feature_key: another one for whatever may change a bit of a picture's features.
#include "apps/feature_key.h"

#include <doctest/doctest.h>

#include <set>

#include "apps/digest.h"
#include "io/shared_bytes.h"
#include "kernels/cpu/simd_target.h"

namespace tl::test {
namespace {

ResNet network_of(ResNetConfig config) {
  Generator random(1);
  return ResNet(config, random, {DType::f32, Device::cpu});
}

}  // namespace

TEST_CASE("the key of features: the same for the same, another for every difference") {
  const ResNetConfig small{.depths = {1, 1}, .width = 4, .stem = ResNetStem::conv3};
  const ResNet network = network_of(small);
  const std::string key = feature_key(network, "1234", {}, Device::cpu);
  CHECK(feature_key(network_of(small), "1234", {}, Device::cpu) == key);
  const Digest program = digest_of(read_shared_bytes("/proc/self/exe").span());
  CHECK(key.starts_with(concat("program ", to_text(program), "\ndevice cpu\n")));
  CHECK(key.find("conv2d implicit_gemm\n") != key.npos);

  std::set<std::string> keys = {key};
  const auto is_new = [&](const std::string& another) { return keys.insert(another).second; };
  CHECK(is_new(feature_key(network, "1235", {}, Device::cpu)));
  CHECK(is_new(feature_key(network, "1234", {.resize = 257}, Device::cpu)));
  CHECK(is_new(feature_key(network, "1234", {.crop = 225}, Device::cpu)));
  CHECK(is_new(feature_key(network, "1234", {.mean = {0.486F, 0.456F, 0.406F}}, Device::cpu)));
  CHECK(is_new(feature_key(network, "1234", {.std = {0.229F, 0.224F, 0.226F}}, Device::cpu)));
  CHECK(is_new(feature_key(network, "1234", {}, Device::ref)));
  ResNetConfig deeper = small;
  deeper.depths = {1, 2};
  CHECK(is_new(feature_key(network_of(deeper), "1234", {}, Device::cpu)));
  {
    Backend naive = backend(Device::cpu);
    naive.conv2d = ref_backend().conv2d;
    const ScopedBackend scope(Device::cpu, naive);
    CHECK(is_new(feature_key(network, "1234", {}, Device::cpu)));
  }
  const std::string best = cpu::simd_target_name();
  if (best == "baseline") return;
  cpu::use_simd_target("baseline");
  CHECK(is_new(feature_key(network, "1234", {}, Device::cpu)));
  cpu::use_simd_target(best);
}

}  // namespace tl::test
