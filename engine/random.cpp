#include "engine/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "kernels/philox.h"

namespace tl {

Generator Generator::of_zeros() {
  Generator generator(0);
  generator.is_zero_ = true;
  return generator;
}

std::vector<std::uint32_t> Generator::words(std::int64_t size) {
  const std::uint64_t stream = calls_++;
  std::vector<std::uint32_t> out(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const auto four = philox_block(seed_, stream, i / 4);
    for (std::size_t j = 0; j < 4 && i + j < out.size(); ++j) out[i + j] = four[j];
  }
  return out;
}

std::vector<double> Generator::uniform(std::int64_t size) {
  if (is_zero_) return std::vector<double>(static_cast<std::size_t>(size));
  const auto random = words(size);
  std::vector<double> out(random.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = random[i] * 0x1p-32;
  return out;
}

std::vector<double> Generator::normal(std::int64_t size) {
  if (is_zero_) return std::vector<double>(static_cast<std::size_t>(size));
  const auto random = words(size + size % 2);
  std::vector<double> out(random.size());
  for (std::size_t i = 0; i + 1 < out.size(); i += 2) {
    const double u = (random[i] + 1.0) * 0x1p-32;  // in (0, 1]: its logarithm is finite
    const double radius = std::sqrt(-2 * std::log(u));
    const double angle = 2 * std::numbers::pi * random[i + 1] * 0x1p-32;
    out[i] = radius * std::cos(angle);
    out[i + 1] = radius * std::sin(angle);
  }
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::vector<std::int64_t> Generator::permutation(std::int64_t size) {
  const auto random = words(size);
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  // Multiply-shift maps 32 random bits onto [0, i); its bias is below size / 2^32.
  for (std::size_t i = order.size(); i > 1; --i) {
    const std::size_t j = static_cast<std::size_t>((std::uint64_t{random[i - 1]} * i) >> 32);
    std::swap(order[i - 1], order[j]);
  }
  return order;
}

}  // namespace tl
