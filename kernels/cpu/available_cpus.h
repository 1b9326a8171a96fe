// How many CPUs this process may keep busy.
#pragma once

namespace tl::cpu {

/// The smaller of the affinity mask and the cgroup quota (v1 or v2, rounded up); at least 1.
int available_cpus();

}  // namespace tl::cpu
