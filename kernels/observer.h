// KernelObserver: who is told of every kernel that ran: a profiler. There is at most one; without
// one a kernel costs a load and a branch more.
#pragma once

#include <atomic>
#include <chrono>

#include "kernels/view.h"

namespace tl {

/// One run of one kernel.
struct KernelCall {
  const char* slot;          ///< "conv2d.forward"
  const char* variant = "";  ///< "winograd_f4x4", or which function, "relu"; empty: there is one
  double bytes = 0;          ///< of all buffers, each counted once: the least that memory moves
  double flop = 0;           ///< a multiplication and an addition count as two; 0: not counted
  std::chrono::steady_clock::time_point begin = {}, end = {};
};

class KernelObserver {
 public:
  virtual ~KernelObserver() = default;
  /// Called after the kernel, by the thread that ran it. Must not throw.
  virtual void ran(const KernelCall& call) noexcept = 0;
};

inline std::atomic<KernelObserver*> kernel_observer = nullptr;

/// Runs f() and tells the observer, if there is one. describe() gives the KernelCall without its
/// times.
template <class Describe, class F>
void observed(const Describe& describe, const F& f) {
  KernelObserver* const observer = kernel_observer.load(std::memory_order_acquire);
  if (!observer) return f();
  KernelCall call = describe();
  call.begin = std::chrono::steady_clock::now();
  f();
  call.end = std::chrono::steady_clock::now();
  observer->ran(call);
}

/// Bytes of a kernel's argument: of the buffer, if it is one.
template <class T>
double bytes_of(const T&) {
  return 0;
}
inline double bytes_of(const ConstView& x) {
  return x ? static_cast<double>(x.size) * static_cast<double>(size_of(x.dtype)) : 0;
}
inline double bytes_of(const View& x) { return bytes_of(ConstView(x)); }

/// Which of several functions a kernel's argument asks for, "relu"; empty where it does not say.
template <class T>
const char* function_of(const T& argument) {
  if constexpr (requires { name_of(argument.op); }) {
    return name_of(argument.op);
  } else {
    return "";
  }
}

}  // namespace tl
