// NVTX ranges as a tool hears them. The tool is this program: NVTX finds it by a symbol that tools
// may define.
#include "kernels/cuda/nvtx.h"

#include <doctest/doctest.h>
#include <nvtx3/nvToolsExt.h>

#include <string>
#include <vector>

namespace {

std::vector<std::string> heard;

nvtxDomainHandle_t NVTX_API create_domain(const char* name) {
  heard.push_back(std::string("domain ") + name);
  return reinterpret_cast<nvtxDomainHandle_t>(&heard);
}
int NVTX_API push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* range) {
  const bool is_ours = domain == reinterpret_cast<nvtxDomainHandle_t>(&heard);
  heard.push_back(std::string(is_ours ? "push " : "push elsewhere ") + range->message.ascii);
  return 0;
}
int NVTX_API pop(nvtxDomainHandle_t) {
  heard.push_back("pop");
  return 0;
}

/// Puts the functions above into NVTX's table.
int NVTX_API listen(NvtxGetExportTableFunc_t export_table) {
  const auto* callbacks =
      static_cast<const NvtxExportTableCallbacks*>(export_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned int size = 0;
  if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size))
    return 0;
  *table[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(create_domain);
  *table[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(push);
  *table[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(pop);
  return 1;
}

}  // namespace

TEST_CASE("nvtx: ranges reach a tool that listens, by name, in the domain of the program") {
  InitializeInjectionNvtx2_fnptr = listen;
  REQUIRE(tl::cuda::is_nvtx_heard());
  tl::cuda::open_nvtx_range("layer1.0.conv1");
  tl::cuda::open_nvtx_range("conv2d.forward winograd_f4x4");
  tl::cuda::close_nvtx_range();
  tl::cuda::close_nvtx_range();
  CHECK(heard == std::vector<std::string>{"domain tlrun", "push layer1.0.conv1",
                                          "push conv2d.forward winograd_f4x4", "pop", "pop"});
}
