// TraceRanges: every layer that computes, and every kernel within it, as a named range of a tracing
// tool (NVTX). Ranges of a thread are nested: the one opened last is closed first.
#pragma once

#include <functional>
#include <string>

#include "engine/layer_scope.h"
#include "kernels/observer.h"

namespace tl {

/// How a tool is told. Called by the thread that computes; must not throw.
struct RangeTool {
  void (*open)(const char* name);
  void (*close)();
};

class TraceRanges final : public KernelObserver, public LayerObserver {
 public:
  /// Starts telling. `name_of` gives the names of layers; ranges of backward passes end in
  /// ", backward". A kernel is named by its slot and its variant.
  TraceRanges(const RangeTool& tool, std::function<std::string(Layer)> name_of);
  ~TraceRanges() override;

  void starts(const KernelCall& call) noexcept override;
  void ran(const KernelCall& call) noexcept override;
  void enters(const LayerContext& context) noexcept override;
  void leaves() noexcept override;

 private:
  RangeTool tool_;
  std::function<std::string(Layer)> name_of_;
};

}  // namespace tl
