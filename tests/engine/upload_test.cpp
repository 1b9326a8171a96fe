// Upload: values arrive, in the order in which they were written, whatever becomes of their source.
#include "engine/upload.h"

#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

TEST_CASE("upload: the source may change at once, and values arrive in order") {
  for (const Device device : devices()) {
    INFO(concat(device));
    Upload upload(device);
    std::vector<Tensor> arrived;
    std::vector<float> values(5);
    const Tensor x = Tensor::empty({5}, DType::f32, device);
    for (int i = 0; i < 5; ++i) {
      for (float& v : values) v = static_cast<float>(10 * i);
      upload.write(values.data(), 20, x);
      for (float& v : values) v = -1;
      arrived.push_back(x.clone());
    }
    for (int i = 0; i < 5; ++i) {
      CHECK(arrived[static_cast<std::size_t>(i)].to_vector<double>() ==
            std::vector<double>(5, 10 * i));
    }
  }
}

TEST_CASE("upload: sizes may change") {
  for (const Device device : devices()) {
    INFO(concat(device));
    Upload upload(device);
    for (const std::int64_t size : {3, 300, 1, 0, 1000}) {
      const std::vector<std::int32_t> values(static_cast<std::size_t>(size), 7);
      const Tensor x = Tensor::zeros({size}, DType::i32, device);
      upload.write(values.data(), 4 * size, x);
      CHECK(x.to_vector<std::int32_t>() == values);
    }
  }
}

TEST_CASE("upload: a write counts, and one of another size is refused") {
  Upload upload(Device::ref);
  const Tensor x = Tensor::zeros({2}, DType::f32, Device::ref);
  const std::uint64_t before = x.version();
  const float values[2] = {1, 2};
  upload.write(values, 8, x);
  CHECK(x.version() > before);
  CHECK_ERROR(upload.write(values, 4, x), "upload: 4 bytes for [2] f32 on ref");
}

}  // namespace
}  // namespace tl::test
