// KernelObserver: who is told of every kernel that starts and ends: a profiler, a tracing tool.
#pragma once

#include <chrono>

#include "kernels/observer_list.h"
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

/// Its functions are called by the thread that runs the kernel, and must not throw.
class KernelObserver : public Observes<KernelObserver> {
 public:
  virtual ~KernelObserver() = default;
  /// Before the kernel; `call` has no times yet.
  virtual void starts(const KernelCall& /*call*/) noexcept {}
  /// After it, also when it threw.
  virtual void ran(const KernelCall& call) noexcept = 0;
};

inline ObserverList<KernelObserver> kernel_observers;

namespace detail {

/// While it lives, a kernel runs.
class KernelRun {
 public:
  KernelRun(KernelObserver* newest, const KernelCall& call) : newest_(newest), call_(call) {
    kernel_observers.for_each(newest_, [this](KernelObserver& o) { o.starts(call_); });
    call_.begin = std::chrono::steady_clock::now();
  }
  ~KernelRun() {
    call_.end = std::chrono::steady_clock::now();
    kernel_observers.for_each(newest_, [this](KernelObserver& o) { o.ran(call_); });
  }
  KernelRun(const KernelRun&) = delete;
  KernelRun& operator=(const KernelRun&) = delete;

 private:
  KernelObserver* newest_;
  KernelCall call_;
};

}  // namespace detail

/// Runs f() and tells the observers, if there are any. describe() gives the KernelCall without its
/// times.
template <class Describe, class F>
void observed(const Describe& describe, const F& f) {
  KernelObserver* const newest = kernel_observers.newest();
  if (!newest) return f();
  const detail::KernelRun run(newest, describe());
  f();
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
