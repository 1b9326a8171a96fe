// Ranges for NVIDIA's tools (NVTX 3), in the domain "tlrun": what Nsight Systems draws over the
// kernels.
#pragma once

namespace tl::cuda {

/// Whether a tool listens, as in a program that `nsys profile` has started. The first call decides.
bool is_nvtx_heard();

/// Of this thread; the one opened last is closed first. Only where a tool listens.
void open_nvtx_range(const char* name);
void close_nvtx_range();

}  // namespace tl::cuda
