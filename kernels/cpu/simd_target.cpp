// use_simd_target and its kin, by way of Highway's table of function pointers.
#include "kernels/cpu/simd_target.h"

#include <cstdint>
#include <cstdlib>

#include "hwy/highway.h"
#include "kernels/error.h"

namespace tl::cpu {
namespace {

struct NamedTarget {
  const char* name;
  std::int64_t bit;
};

// From best to least. The last is what the compiler was told to build for (SSE2 on x86-64 unless
// told otherwise): a processor without it could not run the program at all.
constexpr NamedTarget kTargets[] = {
    {"avx512", HWY_AVX3}, {"avx2", HWY_AVX2}, {"sse4", HWY_SSE4}, {"baseline", HWY_STATIC_TARGET}};

const NamedTarget* find_target(std::string_view name) {
  for (const NamedTarget& target : kTargets) {
    if (name == target.name) return &target;
  }
  return nullptr;
}

/// What the processor has of the sets in this build, whatever the kernels are restricted to.
std::int64_t processor_targets() {
  const std::int64_t restricted_to = hwy::SupportedTargets();
  hwy::SetSupportedTargetsForTest(0);
  const std::int64_t all = (hwy::SupportedTargets() & HWY_TARGETS) | HWY_STATIC_TARGET;
  hwy::SetSupportedTargetsForTest(restricted_to);
  return all;
}

}  // namespace

bool has_simd_target(std::string_view name) {
  const NamedTarget* target = find_target(name);
  return target && (processor_targets() & target->bit) != 0;
}

void use_simd_target(std::string_view name) {
  std::int64_t targets = processor_targets();
  if (!name.empty()) {
    const NamedTarget* target = find_target(name);
    check(target, "TL_SIMD: expected avx512, avx2, sse4 or baseline, found '", name, "'");
    check((targets & target->bit) != 0, "TL_SIMD: this processor has no ", name);
    targets = target->bit;
  }
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(targets);
}

void use_simd_target_from_environment() {
  [[maybe_unused]] static const bool once = [] {
    if (const char* name = std::getenv("TL_SIMD")) use_simd_target(name);
    return true;
  }();
}

const char* simd_target_name() {
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (const NamedTarget& target : kTargets) {
    if (targets & target.bit) return target.name;
  }
  return "baseline";
}

}  // namespace tl::cpu
