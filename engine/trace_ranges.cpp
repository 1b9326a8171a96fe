#include "engine/trace_ranges.h"

#include <utility>

#include "engine/kernel_name.h"

namespace tl {

TraceRanges::TraceRanges(const RangeTool& tool, std::function<std::string(Layer)> name_of)
    : tool_(tool), name_of_(std::move(name_of)) {
  kernel_observers.add(*this);
  layer_observers.add(*this);
}

TraceRanges::~TraceRanges() {
  layer_observers.remove(*this);
  kernel_observers.remove(*this);
}

void TraceRanges::starts(const KernelCall& call) noexcept { tool_.open(kernel_name(call).c_str()); }
void TraceRanges::ran(const KernelCall&) noexcept { tool_.close(); }

void TraceRanges::enters(const LayerContext& context) noexcept {
  tool_.open((name_of_(context.layer) + (context.is_backward ? ", backward" : "")).c_str());
}
void TraceRanges::leaves() noexcept { tool_.close(); }

}  // namespace tl
