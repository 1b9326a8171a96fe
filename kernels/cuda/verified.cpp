#include "kernels/cuda/verified.h"

#include <sstream>
#include <string>

namespace tl::cuda {
namespace {

constexpr const char* kVerified =
#include "verified_txt.inc"
    ;

bool stays_on_request(std::string_view variant) {
  return variant.ends_with("_tf32") || variant.starts_with("cublas") ||
         variant.starts_with("cudnn");
}

bool has_line(std::string_view list, std::string_view slot, std::string_view variant) {
  std::istringstream lines{std::string(list)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, second;
    words >> first >> second;
    if (first == slot && second == variant) return true;
  }
  return false;
}

}  // namespace

void release_verified(Backend& b, std::string_view list) {
  const auto is_released = [&](std::string_view slot, std::string_view variant) {
    return !stays_on_request(variant) && has_line(list, slot, variant);
  };
  const auto release = [&](auto&... slots) { (slots.release(is_released), ...); };
  release(b.gemm.run, b.reduce.run, b.conv2d.forward, b.conv2d.backward_data,
          b.conv2d.backward_weight, b.batch_norm.train, b.batch_norm.train_backward,
          b.batch_norm.eval, b.batch_norm.eval_backward, b.max_pool2d.forward,
          b.max_pool2d.backward, b.average_pool2d.forward, b.average_pool2d.backward);
}

std::string_view verified_variants() { return kVerified; }

}  // namespace tl::cuda
