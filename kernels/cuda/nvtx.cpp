#include "kernels/cuda/nvtx.h"

#include <nvtx3/nvToolsExt.h>

namespace tl::cuda {
namespace {

/// nullptr where no tool listens.
nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t handle = nvtxDomainCreateA("tlrun");
  return handle;
}

}  // namespace

bool is_nvtx_heard() { return domain() != nullptr; }

void open_nvtx_range(const char* name) {
  nvtxEventAttributes_t range{};
  range.version = NVTX_VERSION;
  range.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  range.messageType = NVTX_MESSAGE_TYPE_ASCII;
  range.message.ascii = name;
  nvtxDomainRangePushEx(domain(), &range);
}

void close_nvtx_range() { nvtxDomainRangePop(domain()); }

}  // namespace tl::cuda
