// LayerScope: which layer of a network is computing now, for whoever watches (a profiler). Modules
// open one around their forward pass; the tape remembers it for the backward pass.
#pragma once

#include <cstdint>

#include "kernels/observer_list.h"

namespace tl {

/// Any object stands for itself by its address; nullptr is no layer.
using Layer = const void*;

struct LayerContext {
  Layer layer = nullptr;
  bool is_backward = false;
};

/// Of this thread.
LayerContext layer_context();

/// Who is told of every scope; by the thread that opens it. Must not throw.
class LayerObserver : public Observes<LayerObserver> {
 public:
  virtual ~LayerObserver() = default;
  virtual void enters(const LayerContext& context) noexcept = 0;
  virtual void leaves() noexcept = 0;
};

inline ObserverList<LayerObserver> layer_observers;

class LayerScope {
 public:
  explicit LayerScope(Layer layer, bool is_backward = false);
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

 private:
  LayerContext previous_;
  LayerObserver* newest_observer_;
};

}  // namespace tl
