// Layers and kernels as ranges in Nsight Systems.
#pragma once

#include <memory>

#include "engine/trace_ranges.h"
#include "nn/module.h"

namespace tl {

/// While the result lives, a tool that listens by NVTX is told of each layer of `network` and of
/// each kernel. nullptr where no tool listens, or the build has no CUDA: nothing is watched then.
std::unique_ptr<TraceRanges> nvtx_ranges(const Module& network);

}  // namespace tl
