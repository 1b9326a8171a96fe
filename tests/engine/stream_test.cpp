// Streams of the engine: which one is current, and events between two.
#include "engine/stream.h"

#include <thread>

#include "engine/ops.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

TEST_CASE("streams: scopes nest, and each thread has its own") {
  for (const Device device : devices()) {
    INFO(concat(device));
    const Tensor x = Tensor::zeros({1}, DType::f32, device);
    CHECK(x.stream().handle == nullptr);
    const WorkStream outer(device), inner(device);
    if (memory_space(device) != MemorySpace::host) CHECK(outer.get().handle != inner.get().handle);
    {
      const StreamScope in_outer(outer);
      {
        const StreamScope in_inner(inner);
        CHECK(x.stream().handle == inner.get().handle);
        void* elsewhere = &elsewhere;
        std::thread([&] { elsewhere = x.stream().handle; }).join();
        CHECK(elsewhere == nullptr);
      }
      CHECK(x.stream().handle == outer.get().handle);
    }
    CHECK(x.stream().handle == nullptr);
  }
}

TEST_CASE("streams: an event orders what one computes before what another reads") {
  for (const Device device : devices()) {
    INFO(concat(device));
    const WorkStream producer(device), consumer(device);
    WorkEvent made(device);
    Tensor x, y;
    {
      const StreamScope scope(producer);
      x = Tensor::full({1000}, 3, DType::f32, device);
      x = mul(x, x);
      made.record(producer.get());
    }
    {
      const StreamScope scope(consumer);
      made.order_before(consumer.get());
      y = add(x, x);
      CHECK(y.to_vector<double>() == std::vector<double>(1000, 18));
    }
    made.synchronize();
    CHECK(x.to_vector<double>() == std::vector<double>(1000, 9));
  }
}

}  // namespace
}  // namespace tl::test
