#include "kernels/simt/order.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "kernels/error.h"

namespace tl::simt {
namespace {

std::atomic<ThreadOrder>& current_order() {
  static std::atomic<ThreadOrder> order = [] {
    const char* text = std::getenv("TL_SIMT_ORDER");
    return text ? parse_order(text) : ThreadOrder{};
  }();
  return order;
}

}  // namespace

ThreadOrder parse_order(std::string_view text) {
  if (text == "forward") return {ThreadOrder::forward};
  if (text == "reverse") return {ThreadOrder::reverse};
  if (text == "random") return {ThreadOrder::random};
  if (text.starts_with("random:")) {
    ThreadOrder order{ThreadOrder::random};
    const std::string_view seed = text.substr(7);
    const auto [end, error] = std::from_chars(seed.begin(), seed.end(), order.seed);
    if (error == std::errc{} && end == seed.end()) return order;
  }
  throw Error(concat("TL_SIMT_ORDER: expected forward, reverse or random:SEED, got '", text, "'"));
}

ThreadOrder thread_order() { return current_order(); }
void set_thread_order(ThreadOrder order) { current_order() = order; }

void Schedule::list(std::vector<std::uint16_t>& ids, int count) const {
  ids.resize(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), std::uint16_t{0});
  if (order_.kind == ThreadOrder::reverse) std::reverse(ids.begin(), ids.end());
}

void Schedule::shuffle(std::vector<std::uint16_t>& ids) {
  if (order_.kind != ThreadOrder::random) return;
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random_() % i]);
}

void Schedule::start_grid(std::uint64_t blocks) {
  blocks_ = blocks;
  if (order_.kind != ThreadOrder::random) return;
  // Steps of a length that shares no factor with the number of blocks reach each block once.
  first_ = random_() % blocks;
  step_ = random_() % blocks + 1;
  while (std::gcd(step_, blocks) != 1) ++step_;
}

std::uint64_t Schedule::block_at(std::uint64_t position) const {
  switch (order_.kind) {
    case ThreadOrder::reverse:
      return blocks_ - 1 - position;
    case ThreadOrder::random:
      return (first_ + position % blocks_ * (step_ % blocks_)) % blocks_;
    default:
      return position;
  }
}

}  // namespace tl::simt
