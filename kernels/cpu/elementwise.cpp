// elementwise: one vector loop each. All are bound by memory, so nothing else is worth doing.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void add(const float* a, const float* b, float* y, std::int64_t size) {
  parallel_vectors(size, [=](auto d, std::int64_t i) {
    hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  });
}

void relu(const float* x, float* y, std::int64_t size) {
  parallel_vectors(size, [=](auto d, std::int64_t i) {
    const auto v = hn::LoadU(d, x + i);
    hn::StoreU(hn::IfThenZeroElse(hn::Le(v, hn::Zero(d)), v), d, y + i);  // NaN <= 0 is false
  });
}

void relu_backward(const float* y, const float* dy, float* dx, std::int64_t size) {
  parallel_vectors(size, [=](auto d, std::int64_t i) {
    const auto passes = hn::Gt(hn::LoadU(d, y + i), hn::Zero(d));
    hn::StoreU(hn::IfThenElseZero(passes, hn::LoadU(d, dy + i)), d, dx + i);
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(add);
HWY_EXPORT(relu);
HWY_EXPORT(relu_backward);

void run_add(Stream, ConstView a, ConstView b, View y) {
  const char* op = "elementwise.add";
  HWY_DYNAMIC_DISPATCH(add)(floats(op, a), floats(op, b), floats(op, y), y.size);
}

void run_accumulate(Stream, ConstView x, View y) {
  const char* op = "elementwise.accumulate";
  HWY_DYNAMIC_DISPATCH(add)(floats(op, y), floats(op, x), floats(op, y), y.size);
}

void run_relu(Stream, ConstView x, View y) {
  const char* op = "elementwise.relu";
  HWY_DYNAMIC_DISPATCH(relu)(floats(op, x), floats(op, y), y.size);
}

void run_relu_backward(Stream, ConstView y, ConstView dy, View dx) {
  const char* op = "elementwise.relu_backward";
  HWY_DYNAMIC_DISPATCH(relu_backward)(floats(op, y), floats(op, dy), floats(op, dx), dx.size);
}

}  // namespace

void install_elementwise(Backend& b) {
  b.elementwise.add = run_add;
  b.elementwise.accumulate = run_accumulate;
  b.elementwise.relu = run_relu;
  b.elementwise.relu_backward = run_relu_backward;
}

}  // namespace tl::cpu
#endif
