// softmax: chunks of rows, lanes along the columns, exp at most 1 ulp off.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/softmax.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/install.h"
#include "kernels/cpu/row_function.h"
#include "kernels/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void forward_row(const float* x, float* y, std::int64_t columns) {
  const float max = max_of(x, columns);
  for_each_vector({0, columns}, [=](auto d, std::int64_t j) {
    hn::StoreU(exp(d, hn::Sub(hn::LoadU(d, x + j), hn::Set(d, max))), d, y + j);
  });
  const float sum = sum_of(columns, [=](auto d, std::int64_t j) { return hn::LoadU(d, y + j); });
  for_each_vector({0, columns}, [=](auto d, std::int64_t j) {
    hn::StoreU(hn::Div(hn::LoadU(d, y + j), hn::Set(d, sum)), d, y + j);
  });
}

void backward_row(const float* y, const float* dy, float* dx, std::int64_t columns) {
  const float sum = sum_of(columns, [=](auto d, std::int64_t j) {
    return hn::Mul(hn::LoadU(d, dy + j), hn::LoadU(d, y + j));
  });
  for_each_vector({0, columns}, [=](auto d, std::int64_t j) {
    const auto centred = hn::Sub(hn::LoadU(d, dy + j), hn::Set(d, sum));
    hn::StoreU(hn::Mul(hn::LoadU(d, y + j), centred), d, dx + j);
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

void install_softmax(Backend& b) {
  b.softmax.forward = row_forward("softmax.forward", [](auto... args) {
    HWY_DYNAMIC_DISPATCH(forward)
    (args...);
  });
  b.softmax.backward = row_backward("softmax.backward", [](auto... args) {
    HWY_DYNAMIC_DISPATCH(backward)(args...);
  });
}

}  // namespace tl::cpu
#endif
