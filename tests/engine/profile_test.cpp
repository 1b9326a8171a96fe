// Profile: which kernels are seen, what is counted, for which layer, and that nothing is seen
// after.
#include "engine/profile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/ops.h"

namespace tl::test {
namespace {

std::vector<std::string> slots(const Profile& profile) {
  std::vector<std::string> names;
  for (const ProfileEvent& e : profile.events()) names.emplace_back(e.call.slot);
  return names;
}

const ProfileEvent& event_of(const Profile& profile, const std::string& slot) {
  for (const ProfileEvent& e : profile.events())
    if (slot == e.call.slot) return e;
  FAIL("no event of ", slot);
  return profile.events().front();
}

TEST_CASE("profile: a convolution and its gradients, with bytes, FLOP, layer and memory") {
  for (const Device device : {Device::ref, Device::cpu}) {
    const Tensor x = Tensor::full({2, 4, 4, 3}, 1, DType::f32, device);
    const Tensor w = Tensor::full({5, 1, 1, 3}, 1, DType::f32, device).set_requires_grad();
    const int layer = 0;
    Profile profile;
    Tensor y;
    {
      const LayerScope scope(&layer);
      y = conv2d(x, w, {}, {});
    }
    backward(y, Tensor::full(y.shape(), 1, DType::f32, device));

    const ProfileEvent& forward = event_of(profile, "conv2d.forward");
    CHECK(forward.call.flop == 2.0 * (2 * 4 * 4 * 5) * 3);
    CHECK(forward.call.bytes == 4.0 * (2 * 4 * 4 * 3 + 5 * 3 + 2 * 4 * 4 * 5));
    CHECK(std::string(forward.call.variant) != "");
    CHECK(forward.call.end >= forward.call.begin);
    CHECK(forward.context.layer == &layer);
    CHECK(!forward.context.is_backward);
    CHECK(forward.memory >= static_cast<std::int64_t>(4 * (x.size() + w.size() + y.size())));

    const ProfileEvent& dw = event_of(profile, "conv2d.backward_weight");
    CHECK(dw.context.layer == &layer);
    CHECK(dw.context.is_backward);
    const auto names = slots(profile);
    CHECK(std::count(names.begin(), names.end(), "conv2d.backward_data") == 0);
    CHECK(layer_context().layer == nullptr);
  }
}

TEST_CASE("profile: bytes of a slot are those of its buffers; clear; then silence") {
  const Tensor x = Tensor::full({10}, 1, DType::f64, Device::ref);
  {
    Profile profile;
    relu(x);
    REQUIRE(profile.events().size() == 1);
    CHECK(profile.events()[0].call.bytes == 2 * 10 * 8);
    profile.clear();
    CHECK(profile.events().empty());
  }
  CHECK(kernel_observers.newest() == nullptr);
  relu(x);
  Profile profile;
  CHECK(profile.events().empty());
}

}  // namespace
}  // namespace tl::test
