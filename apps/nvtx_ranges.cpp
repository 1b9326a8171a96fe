#include "apps/nvtx_ranges.h"

#ifdef TL_WITH_CUDA
#include "kernels/cuda/nvtx.h"
#include "nn/layer_names.h"
#endif

namespace tl {

std::unique_ptr<TraceRanges> nvtx_ranges([[maybe_unused]] const Module& network) {
#ifdef TL_WITH_CUDA
  if (cuda::is_nvtx_heard()) {
    return std::make_unique<TraceRanges>(RangeTool{cuda::open_nvtx_range, cuda::close_nvtx_range},
                                         LayerNames(network));
  }
#endif
  return nullptr;
}

}  // namespace tl
