#include "engine/layer_scope.h"

#include <utility>

namespace tl {
namespace {

thread_local LayerContext context;

}  // namespace

LayerContext layer_context() { return context; }

LayerScope::LayerScope(Layer layer, bool is_backward)
    : previous_(std::exchange(context, {layer, is_backward})) {}
LayerScope::~LayerScope() { context = previous_; }

}  // namespace tl
