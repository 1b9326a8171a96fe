// The variants of batch_norm that lie in files of their own.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

void add_batch_norm_register_tiles(Backend& b);

}  // namespace tl::TL_DEVICE_NAMESPACE
