// Where in a PyTorch checkpoint the weights are.
#pragma once

#include "io/pickle.h"
#include "io/pytorch_objects.h"

namespace tl {

/// The dict of names and tensors: `root` itself, or what it holds under state_dict, model or a like
/// name, at any depth, or else the only dict of tensors that it holds. Throws Error (cause alone)
/// when there is none, or several.
PickleDict find_state_dict(const PickleValue& root, const PytorchObjects& objects,
                           const PickleHeap& heap);

}  // namespace tl
