// launch: runs a kernel over a grid.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/simt/kernel_name.h"
#include "kernels/simt/runtime_api.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt {

/// Runs all blocks of the launch, one after the other, in the order that thread_order() gives.
/// Throws an Error that names the kernel for a grid, block or shared memory that no GPU takes, and
/// for what goes wrong in the kernel. Launches from several OS threads wait for each other.
void run_grid(const Launch& launch);

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
void launch(Launch launch, void (*kernel)(Parameters...), const Arguments&... arguments) {
  static_assert((!std::is_reference_v<Parameters> && ...), "parameters are passed by value");
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "they are copied bytewise");
  static_assert((sizeof(Parameters) + ... + 0) <= 4096, "a GPU takes 4 KB of them");
  const Call<Parameters...> call{kernel, {Parameters{arguments}...}};
  launch.call = call.run;
  launch.arguments = &call;
  run_grid(launch);
}

}  // namespace detail

/// Runs `kernel` with these arguments; has done so when it returns.
template <auto kernel, class... Arguments>
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t /*stream*/,
            const Arguments&... arguments) {
  detail::launch({kernel_name<kernel>(), grid, block, shared_bytes, nullptr, nullptr}, kernel,
                 arguments...);
}

}  // namespace tl::simt
