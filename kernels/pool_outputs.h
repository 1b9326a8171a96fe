// pool_outputs: how many windows of a pooling there are along one axis. PyTorch's rule.
#pragma once

#include <cstdint>

namespace tl {

/// Windows of `kernel` elements, `dilation` apart, every `stride`, over `size` elements between
/// `pad` padded ones on either side. Without `ceil_mode` a window ends within the padding:
///   floor((size + 2 pad - dilation (kernel - 1) - 1) / stride) + 1
/// With it the last may reach beyond (ceil instead of floor), but must start within the input or
/// the left padding. Below 1 where not even one window fits.
constexpr std::int64_t pool_outputs(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                    std::int64_t pad, std::int64_t dilation, bool ceil_mode) {
  const std::int64_t reach = size + 2 * pad - dilation * (kernel - 1) - 1;
  const std::int64_t rounded = reach + (ceil_mode ? stride - 1 : 0);
  if (rounded < 0) return 0;
  const std::int64_t outputs = rounded / stride + 1;
  const bool last_starts_outside = ceil_mode && (outputs - 1) * stride >= size + pad;
  return last_starts_outside ? outputs - 1 : outputs;
}

}  // namespace tl
