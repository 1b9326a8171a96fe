// A container may see 64 CPUs and be allowed the time of 2: threads beyond the quota are put to
// sleep by the kernel in the middle of a chunk, while all others wait for it. So the quota counts
// as much as the affinity mask.
#include "kernels/cpu/available_cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

namespace tl::cpu {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

/// v2: "cpu.max" holds "<quota> <period>", or "max <period>".
double quota_v2(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : kUnlimited;
}

/// v1: one file each; a quota of -1 means none.
double quota_v1(const std::string& directory) {
  std::ifstream quota_file(directory + "/cpu.cfs_quota_us");
  std::ifstream period_file(directory + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period
                                                                                 : kUnlimited;
}

/// A group's quota holds for all groups below it: the smallest from `path` up to the root. (Inside
/// a container the path may not exist below the mount, but the mount itself then is the group.)
double smallest_quota(const std::string& mount, std::string path,
                      double (*quota_in)(const std::string&)) {
  double smallest = kUnlimited;
  while (true) {
    smallest = std::min(smallest, quota_in(mount + path));
    if (path.empty()) return smallest;
    path.erase(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

/// /proc/self/cgroup has one line per hierarchy: "<id>:<controllers>:<path>"; v2 has no
/// controllers.
double cgroup_quota() {
  double smallest = kUnlimited;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    std::istringstream fields(line);
    std::string id, controllers, path;
    std::getline(fields, id, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    if (controllers.empty()) {
      smallest = std::min(smallest, smallest_quota("/sys/fs/cgroup", path, quota_v2));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      smallest = std::min(smallest, smallest_quota("/sys/fs/cgroup/cpu", path, quota_v1));
    }
  }
  return smallest;
}

int affinity() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());  // more CPUs than a cpu_set_t holds
}

}  // namespace

int available_cpus() {
  const double cpus = std::min<double>(affinity(), std::ceil(cgroup_quota()));
  return std::max(1, static_cast<int>(cpus));
}

}  // namespace tl::cpu
