#include "apps/bench/yardsticks/open_yardsticks.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "kernels/cpu/simd_target.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

std::string folder_of_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string file(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return file.substr(0, file.rfind('/') + 1);
}

/// Throws, saying why, when there is none.
Yardstick* open_yardstick(const std::string& name) {
  const std::string file = folder_of_program() + "libtlbench_" + name + ".so";
  check(access(file.c_str(), R_OK) == 0, name, ": not built (its development package is missing)");
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  check(library, name, ": ", library ? "" : dlerror());
  void* const entry = dlsym(library, kYardstickEntry);
  check(entry, file, ": has no ", kYardstickEntry);
  return reinterpret_cast<YardstickEntry>(entry)(cpu::simd_target_name());
}

/// OpenBLAS knows processors by name, and takes older kernels on those that are newer than it. Its
/// best ones for our instruction set are named here, whatever the environment says.
void choose_openblas_kernels() {
  const std::string target = cpu::simd_target_name();
  const char* core = target == "avx2" ? "Haswell" : "Nehalem";
#ifdef __x86_64__
  const bool is_avx512 = target == "avx512" || target == "amx";
  if (is_avx512) core = __builtin_cpu_supports("avx512bf16") ? "Cooperlake" : "SkylakeX";
#endif
  setenv("OPENBLAS_CORETYPE", core, 1);
}

/// OpenMP's threads wait for their next work awake, for milliseconds, and would take the processors
/// from what is measured next. To be said before the first library loads OpenMP.
void let_openmp_sleep() { setenv("OMP_WAIT_POLICY", "passive", 0); }

}  // namespace

std::vector<Yardstick*> open_yardsticks(std::vector<std::string>& missing) {
  choose_openblas_kernels();
  let_openmp_sleep();
  std::vector<Yardstick*> found;
  for (const char* name : {"onednn", "openblas"}) {
    try {
      found.push_back(open_yardstick(name));
      found.back()->set_thread_count(thread_count());
    } catch (const Error& error) {
      missing.push_back(error.what());
    }
  }
  return found;
}

}  // namespace tl
