// log_softmax: chunks of rows, lanes along the columns, exp at most 1 ulp off.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/log_softmax.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/cpu/install.h"
#include "kernels/cpu/row_function.h"
#include "kernels/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void forward_row(const float* x, float* y, std::int64_t columns) {
  const float max = max_of(x, columns);
  const float sum = sum_of(columns, [=](auto d, std::int64_t j) {
    return exp(d, hn::Sub(hn::LoadU(d, x + j), hn::Set(d, max)));
  });
  const float log_sum = std::log(sum);
  for_each_vector({0, columns}, [=](auto d, std::int64_t j) {
    const auto shifted = hn::Sub(hn::LoadU(d, x + j), hn::Set(d, max));
    hn::StoreU(hn::Sub(shifted, hn::Set(d, log_sum)), d, y + j);
  });
}

void backward_row(const float* y, const float* dy, float* dx, std::int64_t columns) {
  const float sum = sum_of(columns, [=](auto d, std::int64_t j) { return hn::LoadU(d, dy + j); });
  for_each_vector({0, columns}, [=](auto d, std::int64_t j) {
    const auto p = exp(d, hn::LoadU(d, y + j));
    hn::StoreU(hn::NegMulAdd(p, hn::Set(d, sum), hn::LoadU(d, dy + j)), d, dx + j);
  });
}

void forward(const float* x, float* y, std::int64_t rows, std::int64_t columns) {
  for_each_row(rows, columns, [=](std::int64_t i) { forward_row(x + i, y + i, columns); });
}

void backward(const float* y, const float* dy, float* dx, std::int64_t rows, std::int64_t columns) {
  for_each_row(rows, columns,
               [=](std::int64_t i) { backward_row(y + i, dy + i, dx + i, columns); });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

}  // namespace

void install_log_softmax(Backend& b) {
  b.log_softmax.forward = row_forward("log_softmax.forward", [](auto... args) {
    HWY_DYNAMIC_DISPATCH(forward)(args...);
  });
  b.log_softmax.backward = row_backward("log_softmax.backward", [](auto... args) {
    HWY_DYNAMIC_DISPATCH(backward)(args...);
  });
}

}  // namespace tl::cpu
#endif
