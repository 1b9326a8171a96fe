#include "apps/bench/buffer.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "apps/bench/cache_sizes.h"
#include "engine/random.h"

namespace tl {

Buffer::Buffer(const Backend& b, DType dtype, std::int64_t size)
    : b_(&b), view_{nullptr, dtype, size} {
  b.memory.allocate(bytes(), &view_.data);
  if ((dtype != DType::f32 && dtype != DType::bf16) || size == 0) return;
  // One piece of random numbers, again and again: they need not differ all along. But no two
  // buffers begin at the same one, or operands that are mixed up would look right.
  static const std::vector<double> numbers = Generator(1).normal(1 << 20);
  static std::size_t first = 0;
  first += 7919;
  with_type(dtype, [&]<class T>(T) {
    const std::int64_t piece = std::min<std::int64_t>(size, 1 << 20);
    std::vector<T> host(static_cast<std::size_t>(piece));
    for (std::size_t i = 0; i < host.size(); ++i)
      host[i] = static_cast<T>(0.1 * numbers[(first + i) % numbers.size()]);
    for (std::int64_t at = 0; at < size; at += piece) {
      const std::int64_t count = std::min(piece, size - at);
      b.memory.copy_from_host({}, view_of(static_cast<const T*>(host.data()), count),
                              {static_cast<T*>(view_.data) + at, dtype, count});
    }
  });
}

Buffer::Buffer(Buffer&& other) noexcept : b_(other.b_), view_(std::exchange(other.view_, {})) {}

Buffer::~Buffer() {
  if (view_.data) b_->memory.release({}, bytes(), view_.data);
}

Buffers::Buffers(const Backend& b, DType dtype, std::int64_t size, int copies) {
  for (int i = 0; i < copies; ++i) buffers_.emplace_back(b, dtype, size);
}

std::vector<const float*> Buffers::host_f32() const {
  std::vector<const float*> places;
  for (const Buffer& buffer : buffers_) places.push_back(ConstView(buffer).as<float>());
  return places;
}

std::vector<float> to_host(const Backend& b, ConstView x) {
  std::vector<float> result(static_cast<std::size_t>(x.size));
  with_type(x.dtype, [&]<class T>(T) {
    std::vector<T> host(result.size());
    b.memory.copy_to_host({}, x, view_of(host.data(), x.size));
    std::transform(host.begin(), host.end(), result.begin(),
                   [](T element) { return static_cast<float>(element); });
  });
  return result;
}

int copies_past_cache(const Backend& b, double bytes) {
  const std::string_view device = b.name;
  double cache = 0;
  if (device == "cpu") cache = static_cast<double>(cache_sizes().last_level());
  if (device == "cuda") cache = 64 << 20;  // the second level of the largest so far
  if (cache == 0) return 1;
  constexpr double kMost = 1024;
  return static_cast<int>(std::clamp(std::ceil(2 * cache / std::max(bytes, 1.0)), 2.0, kMost));
}

}  // namespace tl
