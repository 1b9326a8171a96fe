// run_in_child: a task on untrusted input in a process of its own, so that its crash is only an
// error.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tl {

struct ChildLimits {
  uint64_t memory_bytes = uint64_t{1} << 30;  // address space beyond what the parent has mapped
  uint64_t more_memory_bytes = 0;             // what allow_memory may add to that
  uint64_t cpu_seconds = 60;
  uint64_t answer_bytes = uint64_t{1} << 28;  // length of the task's answer
};

/// Forks; the child runs `task` under the limits and its return value becomes that of this
/// function. An exception there is thrown here as Error with the same text. A child that dies, or
/// says nothing sensible, gives Error naming how ("died of signal 11 (Segmentation fault)"). The
/// child has no core dump and no stderr, and ends with the parent. It may use memory shared with
/// the parent; it must start no thread. Memory is not limited in builds with sanitizers, which map
/// terabytes.
std::string run_in_child(const ChildLimits& limits, const std::function<std::string()>& task);

/// In the child: raises the limit on memory by `bytes`, within `more_memory_bytes`.
void allow_memory(uint64_t bytes);

}  // namespace tl
