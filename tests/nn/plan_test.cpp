// Plan: threads that take pictures through several steps compute what one thread computes.
#include "nn/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

#include "engine/allocator.h"
#include "engine/profile.h"
#include "models/resnet.h"
#include "nn/frozen.h"
#include "tests/support/random.h"
#include "tests/support/random_state.h"
#include "tests/support/resnet_forms.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

constexpr Placement kCpu{DType::f32, Device::cpu};

Tensor cpu_pictures(const Shape& shape) {
  Random random(3);
  return Tensor::from(random.uniform_vector(shape.size()), shape, kCpu.dtype, kCpu.device);
}

TEST_CASE("plan: how many pictures keep a thread busy") {
  CHECK(pictures_at_once({32, 224, 224, 3}) == 1);
  CHECK(pictures_at_once({32, 56, 28, 128}) == 1);
  CHECK(pictures_at_once({32, 56, 27, 128}) == 2);
  CHECK(pictures_at_once({32, 28, 28, 128}) == 2);
  CHECK(pictures_at_once({32, 14, 14, 256}) == 8);
  CHECK(pictures_at_once({32, 7, 7, 512}) == 32);
  CHECK(pictures_at_once({32, 0, 7, 512}) == 1568);
  CHECK(pictures_at_once({32, 512}) == 32);
  CHECK(pictures_at_once({0, 512}) == 1);
}

// 13 pictures of 33 x 35: stages that are shared out in parts of two, one with one too many, and
// stages that are not.
TEST_CASE("plan: the same bits for any number of threads, and for a picture alone") {
  for (const ResNetForm& form : resnet_forms()) {
    INFO(std::string(form.name));
    Generator random(1);
    ResNet network(form.config, random, kCpu);
    randomize_state(network, 2);
    network.eval();
    FrozenNetwork frozen(network);
    const Tensor x = cpu_pictures({13, 33, 35, form.config.in_channels});
    std::vector<float> all;
    check_same_for_all_thread_counts([&] { return all = frozen(x).to_vector<float>(); });
    const auto classes = static_cast<std::ptrdiff_t>(form.config.classes);
    for (std::int64_t i = 0; i < 13; ++i) {
      const auto alone = frozen(x.rows(i, i + 1)).to_vector<float>();
      CHECK(std::equal(alone.begin(), alone.end(), all.begin() + i * classes));
    }
  }
}

/// Twelve convolutions of 1x1 on 8 channels, for two threads.
struct Chain {
  Chain() : frozen(modules_of(modules)) { set_thread_count(2); }
  Tensor operator()(const Tensor& x) { return frozen(x); }

  RestoreThreadCount restore;
  Sequential modules;
  FrozenNetwork frozen;

 private:
  static const Module& modules_of(Sequential& modules) {
    Generator random(4);
    for (int i = 0; i < 12; ++i) modules.append<Conv2d>(8, 8, 1, Conv2dOptions{}, random, kCpu);
    return modules;
  }
};

TEST_CASE("plan: what lies between two steps is kept for a thread's pictures, not for the batch") {
  Chain frozen;
  const Tensor x = cpu_pictures({40, 33, 35, 8});
  frozen(x);
  const std::int64_t before = memory_stats(MemorySpace::host).current;
  reset_peak(MemorySpace::host);
  frozen(x);
  const auto picture = static_cast<std::int64_t>(33 * 35 * 8 * sizeof(float));
  // The result, and for each thread two values and what the convolution works with.
  CHECK(memory_stats(MemorySpace::host).peak - before < (40 + 2 * 10) * picture);
}

TEST_CASE("plan: a profile sees each step once") {
  Chain frozen;
  const Tensor x = cpu_pictures({40, 33, 35, 8});
  const auto expected = frozen(x).to_vector<float>();
  Profile profile;
  CHECK(frozen(x).to_vector<float>() == expected);
  const auto is_conv = [](const ProfileEvent& e) {
    return std::string_view(e.call.slot) == "conv2d.forward";
  };
  CHECK(std::count_if(profile.events().begin(), profile.events().end(), is_conv) == 12);
}

}  // namespace
}  // namespace tl::test
