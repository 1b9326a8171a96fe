// Read peak_loops.h first.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "apps/bench/peak_loops.cpp"
#include "hwy/foreach_target.h"
//
#include "apps/bench/peak_loops.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tl::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Vec = hn::Vec<FloatTag>;
constexpr std::int64_t kLanes = HWY_LANES(float);

// Two multiply-adds per cycle, each taking up to five, need ten of them under way. Two more
// registers hold the factor and what is added: 14 of the 16 that AVX2 has.
constexpr int kChains = 12;

// What loops compute has to end somewhere, or the compiler leaves them out.
volatile float sink;

/// x becomes factor * x + addend, again and again; stays near 1.
double multiply_adds(std::int64_t steps) {
  const FloatTag d;
  volatile float almost_one = 0.999F;
  const Vec factor = hn::Set(d, almost_one), addend = hn::Set(d, 1 - almost_one);
  Vec chain[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) chain[i] = hn::Set(d, 1 + 0.01F * static_cast<float>(i));
  for (std::int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) chain[i] = hn::MulAdd(chain[i], factor, addend);
  }
  Vec sum = hn::Zero(d);
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) sum = hn::Add(sum, chain[i]);
  sink = hn::GetLane(sum);
  return 2.0 * static_cast<double>(steps * kChains * kLanes);
}

constexpr int kUnroll = 8;

void read(const float* HWY_RESTRICT x, std::int64_t size) {
  const FloatTag d;
  Vec sum[kUnroll];
#pragma GCC unroll 8
  for (int i = 0; i < kUnroll; ++i) sum[i] = hn::Zero(d);
  for (std::int64_t at = 0; at < size; at += kUnroll * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kUnroll; ++i) sum[i] = hn::Add(sum[i], hn::Load(d, x + at + i * kLanes));
  }
#pragma GCC unroll 8
  for (int i = 1; i < kUnroll; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  sink = hn::GetLane(sum[0]);
}

void write(float* HWY_RESTRICT y, std::int64_t size) {
  const FloatTag d;
  const Vec value = hn::Set(d, 1);
  for (std::int64_t at = 0; at < size; at += kUnroll * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kUnroll; ++i) hn::Store(value, d, y + at + i * kLanes);
  }
}

void copy(const float* HWY_RESTRICT x, float* HWY_RESTRICT y, std::int64_t size) {
  const FloatTag d;
  for (std::int64_t at = 0; at < size; at += kUnroll * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kUnroll; ++i)
      hn::Store(hn::Load(d, x + at + i * kLanes), d, y + at + i * kLanes);
  }
}

void use_memory(MemoryUse use, float* data, std::int64_t size) {
  switch (use) {
    case MemoryUse::read:
      return read(data, size);
    case MemoryUse::write:
      return write(data, size);
    case MemoryUse::copy:
      return copy(data, data + size / 2, size / 2);
  }
}

}  // namespace
}  // namespace tl::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl {

HWY_EXPORT(multiply_adds);
HWY_EXPORT(use_memory);

double multiply_add_loop(std::int64_t steps) { return HWY_DYNAMIC_DISPATCH(multiply_adds)(steps); }

void memory_loop(MemoryUse use, float* data, std::int64_t size) {
  HWY_DYNAMIC_DISPATCH(use_memory)(use, data, size);
}

}  // namespace tl
#endif
