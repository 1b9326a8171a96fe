// launch: puts a kernel over a grid into the queue of a stream.
#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/simt/kernel_name.h"
#include "kernels/simt/runtime_api.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt {

/// Throws an Error that names the kernel for a grid, block or shared memory that no GPU takes, and
/// where the stream cannot take it. Has run the kernel when it returns where sync_launches says so.
void issue(const Launch& launch, cudaStream_t stream);

namespace detail {

template <class... Parameters>
struct Call {
  void (*kernel)(Parameters...);
  std::tuple<Parameters...> arguments;

  TL_SIMT_UNCHECKED static void run(const void* self) {
    const auto& call = *static_cast<const Call*>(self);
    run_on(call, std::index_sequence_for<Parameters...>{});
  }

  /// Every thread gets its own copies.
  template <std::size_t... i>
  TL_SIMT_UNCHECKED static void run_on(const Call& call, std::index_sequence<i...>) {
    call.kernel(std::get<i>(call.arguments)...);
  }
};

template <class... Parameters, class... Arguments>
void launch(Launch launch, cudaStream_t stream, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  static_assert((!std::is_reference_v<Parameters> && ...), "parameters are passed by value");
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "they are copied bytewise");
  static_assert((sizeof(Parameters) + ... + 0) <= 4096, "a GPU takes 4 KB of them");
  using KernelCall = Call<Parameters...>;
  launch.call = KernelCall::run;
  launch.arguments = std::make_shared<const KernelCall>(
      KernelCall{kernel, std::tuple<Parameters...>{Parameters{arguments}...}});
  issue(launch, stream);
}

}  // namespace detail

/// Issues `kernel` with copies of these arguments. What goes wrong in it comes out of the call that
/// waits for it, and names the kernel.
template <auto kernel, class... Arguments>
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  detail::launch({kernel_name<kernel>(), grid, block, shared_bytes, nullptr, nullptr}, stream,
                 kernel, arguments...);
}

}  // namespace tl::simt
