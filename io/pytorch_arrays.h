// The last step of both PyTorch formats: from a pickle's tensors and the storages' bytes to arrays.
#pragma once

#include <bit>
#include <vector>

#include "io/pytorch_objects.h"
#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl {

/// The arrays of the state dict in `root`. storages[i] has the bytes of storage i of `objects`;
/// `file_bytes` bounds the copies. Throws Error with the cause alone.
WeightsFile weights_from_pickle(const PickleValue& root, const PytorchObjects& objects,
                                const PickleHeap& heap, const std::vector<SharedBytes>& storages,
                                std::endian order, size_t file_bytes);

}  // namespace tl
