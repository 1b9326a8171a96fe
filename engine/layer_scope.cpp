#include "engine/layer_scope.h"

#include <utility>

namespace tl {
namespace {

thread_local LayerContext context;

}  // namespace

LayerContext layer_context() { return context; }

LayerScope::LayerScope(Layer layer, bool is_backward)
    : previous_(std::exchange(context, {layer, is_backward})),
      newest_observer_(layer_observers.newest()) {
  layer_observers.for_each(newest_observer_, [](LayerObserver& o) { o.enters(context); });
}

LayerScope::~LayerScope() {
  context = previous_;
  layer_observers.for_each(newest_observer_, [](LayerObserver& o) { o.leaves(); });
}

}  // namespace tl
