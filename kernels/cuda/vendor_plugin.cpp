// The variants "cublas", "cudnn", "cublas_tf32" and "cudnn_tf32". They live in a plugin library
// (vendor/), which is opened when one of them is first asked for anything: a program starts without
// cuBLAS and cuDNN, and without waiting for them.
#include "kernels/cuda/vendor_plugin.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/cuda/vendor/table.h"

namespace tl::cuda {
namespace {

using vendor::VendorTable;

constexpr const char* kFile = "libtlrun_cuda_vendor.so";

std::string folder_of_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string file(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return file.substr(0, file.rfind('/') + 1);
}

/// Where it may lie: named by TL_CUDA_VENDOR, beside the program, in the library folder of an
/// installation, in the build folder.
std::vector<std::string> places() {
  if (const char* named = std::getenv("TL_CUDA_VENDOR")) return {named};
  const std::string program = folder_of_program();
  return {program + kFile, program + "../" TL_LIBRARY_FOLDER "/" + kFile,
          program + "../kernels/cuda/vendor/" + kFile};
}

/// The file, or "" and why not.
std::string find_file(std::string* why) {
  std::string looked;
  for (const std::string& place : places()) {
    if (access(place.c_str(), R_OK) == 0) return place;
    looked += (looked.empty() ? "" : ", ") + place;
  }
  *why = concat("not found: ", looked);
  return "";
}

const VendorTable& open_table() {
  std::string why;
  const std::string file = find_file(&why);
  check(!file.empty(), kFile, ": ", why);
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  check(library, kFile, ": ", library ? "" : dlerror());
  void* const symbol = dlsym(library, vendor::kEntryPoint);
  check(symbol, file, ": has no ", vendor::kEntryPoint);
  const vendor::Layout layout = vendor::layout();
  const VendorTable* const table =
      reinterpret_cast<vendor::EntryPoint>(symbol)(TL_VERSION, &layout);
  check(table, file, ": belongs to another build of this program");
  return *table;
}

const VendorTable& table() {
  static const VendorTable& instance = open_table();  // where it throws, the next call tries again
  return instance;
}

/// A variant that asks the plugin's `member` for everything.
template <auto member>
struct Deferred;

template <class Problem, class Args, Variant<Problem, Args> VendorTable::*member>
struct Deferred<member> {
  static const Variant<Problem, Args>& there() { return table().*member; }
  static bool supports(const Problem& p) { return there().run && there().supports(p); }
  static std::int64_t workspace_bytes(const Problem& p) { return there().workspace_size(p); }
  static void run(Stream stream, const Problem& p, const Args& args) {
    there().run(stream, p, args);
  }
  static void add_to(VariantSlot<Problem, Args>& slot, const char* name, const std::string& why) {
    if (!why.empty()) return slot.add_absent(name, why);
    slot.add({.name = name,
              .supports = supports,
              .workspace_bytes = workspace_bytes,
              .run = run,
              .on_request = true});
  }
};

/// Why a part of the plugin is not there; "" if it is.
[[maybe_unused]] std::string fault(bool is_built, const char* library) {
  if (!is_built) return concat("this build found no ", library);
  std::string why;
  return find_file(&why).empty() ? concat(kFile, " ", why) : "";
}

#ifdef TL_VENDOR_CUBLAS
constexpr bool kHasCublas = true;
#else
constexpr bool kHasCublas = false;
#endif
#ifdef TL_VENDOR_CUDNN
constexpr bool kHasCudnn = true;
#else
constexpr bool kHasCudnn = false;
#endif

}  // namespace

void add_vendor_variants(Backend& b) {
  const std::string cublas = fault(kHasCublas, "cuBLAS"), cudnn = fault(kHasCudnn, "cuDNN 9");
  Deferred<&VendorTable::gemm>::add_to(b.gemm.run, "cublas", cublas);
  Deferred<&VendorTable::gemm_tf32>::add_to(b.gemm.run, "cublas_tf32", cublas);
  Deferred<&VendorTable::forward>::add_to(b.conv2d.forward, "cudnn", cudnn);
  Deferred<&VendorTable::forward_tf32>::add_to(b.conv2d.forward, "cudnn_tf32", cudnn);
  Deferred<&VendorTable::backward_data>::add_to(b.conv2d.backward_data, "cudnn", cudnn);
  Deferred<&VendorTable::backward_data_tf32>::add_to(b.conv2d.backward_data, "cudnn_tf32", cudnn);
  Deferred<&VendorTable::backward_weight>::add_to(b.conv2d.backward_weight, "cudnn", cudnn);
  Deferred<&VendorTable::backward_weight_tf32>::add_to(b.conv2d.backward_weight, "cudnn_tf32",
                                                       cudnn);
  Deferred<&VendorTable::train>::add_to(b.batch_norm.train, "cudnn", cudnn);
  Deferred<&VendorTable::train_backward>::add_to(b.batch_norm.train_backward, "cudnn", cudnn);
  Deferred<&VendorTable::max_pool>::add_to(b.max_pool2d.forward, "cudnn", cudnn);
  Deferred<&VendorTable::average_pool>::add_to(b.average_pool2d.forward, "cudnn", cudnn);
  Deferred<&VendorTable::average_pool_backward>::add_to(b.average_pool2d.backward, "cudnn", cudnn);
}

}  // namespace tl::cuda
