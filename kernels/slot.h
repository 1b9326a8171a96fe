// Slot: a typed, named place for one kernel in a Backend. An empty slot throws its own name, so a
// backend that lacks a kernel needs no stub.
#pragma once

#include <functional>
#include <utility>

#include "kernels/error.h"
#include "kernels/observer.h"

namespace tl {

template <class Signature>
class Slot;

template <class... Args>
class Slot<void(Args...)> {
 public:
  /// `name` is what the error says, e.g. "adam.step".
  explicit Slot(const char* name) : name_(name) {}

  Slot& operator=(std::function<void(Args...)> kernel) {
    kernel_ = std::move(kernel);
    return *this;
  }

  void operator()(Args... args) const {
    check(static_cast<bool>(kernel_), name_, ": this backend has no kernel for it");
    observed(
        [&] {
          KernelCall call{.slot = name_, .bytes = (bytes_of(args) + ... + 0.0)};
          for (const char* function : {"", function_of(args)...}) {
            if (*function) call.variant = function;
          }
          return call;
        },
        [&] { kernel_(args...); });
  }

  const char* name() const { return name_; }
  explicit operator bool() const { return static_cast<bool>(kernel_); }

 private:
  const char* name_;
  std::function<void(Args...)> kernel_;
};

}  // namespace tl
