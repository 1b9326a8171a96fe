// use_simd_target and its kin, by way of Highway's table of function pointers.
#include "kernels/cpu/simd_target.h"

#include <cstdint>
#include <cstdlib>

#include "hwy/highway.h"
#include "kernels/cpu/amx.h"
#include "kernels/error.h"

namespace tl::cpu {
namespace {

struct NamedTarget {
  const char* name;
  std::int64_t bit;
  bool with_matrix_unit = false;
};

// From best to least. The last is what the compiler was told to build for (SSE2 on x86-64 unless
// told otherwise): a processor without it could not run the program at all.
constexpr NamedTarget kTargets[] = {{"amx", HWY_AVX3, true},
                                    {"avx512", HWY_AVX3},
                                    {"avx2", HWY_AVX2},
                                    {"sse4", HWY_SSE4},
                                    {"baseline", HWY_STATIC_TARGET}};

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

/// Of these, the ones that the processor has with what the name says.
bool has(std::int64_t targets, const NamedTarget& target) {
  return (targets & target.bit) != 0 && (!target.with_matrix_unit || amx::is_available());
}

}  // namespace

bool has_simd_target(std::string_view name) {
  const NamedTarget* target = find_target(name);
  return target && has(processor_targets(), *target);
}

void use_simd_target(std::string_view name) {
  std::int64_t targets = processor_targets();
  bool with_matrix_unit = has(targets, kTargets[0]);
  if (!name.empty()) {
    const NamedTarget* target = find_target(name);
    check(target, "TL_SIMD: expected amx, avx512, avx2, sse4 or baseline, found '", name, "'");
    check(has(targets, *target), "TL_SIMD: this processor has no ", name);
    targets = target->bit;
    with_matrix_unit = target->with_matrix_unit;
  }
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(targets);
  amx::set_on(with_matrix_unit);
}

void use_simd_target_from_environment() {
  [[maybe_unused]] static const bool once = [] {
    const char* name = std::getenv("TL_SIMD");
    use_simd_target(name ? name : "");
    return true;
  }();
}

const char* simd_target_name() {
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (const NamedTarget& target : kTargets) {
    if ((targets & target.bit) && target.with_matrix_unit <= amx::is_on()) return target.name;
  }
  return "baseline";
}

}  // namespace tl::cpu
