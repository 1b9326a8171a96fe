// exp, log, tanh, sigmoid on vectors of floats, for every input: Highway's functions within the
// range for which they are made, the limits outside, NaN for NaN. Included once per instruction
// set.
#if defined(TL_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_MATH_INL_H_
#undef TL_CPU_MATH_INL_H_
#else
#define TL_CPU_MATH_INL_H_
#endif

#include <limits>

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// e^x, at most 1 ulp off; infinity from 88.73 on, as floats have it.
template <class D, class V>
HWY_INLINE V exp(D d, V x) {
  // Far above, Highway's exponent would wrap around; at 89 it is infinity already.
  const V limit = hn::Set(d, 89.0f);
  const V y = hn::Exp(d, hn::IfThenElse(hn::Gt(x, limit), limit, x));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

/// Natural logarithm, at most 4 ulp off; -infinity at 0, NaN below.
template <class D, class V>
HWY_INLINE V log(D d, V x) {
  const V infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  const V y = hn::IfThenElse(hn::Eq(x, infinity), x, hn::Log(d, x));
  const V low = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), hn::NaN(d));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), y, low);  // NaN > 0 is false
}

/// At most 4 ulp off.
template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, x));
}

/// 1 / (1 + e^-x): where e^-x overflows, x < -88.72, 0 instead of less than 2^-127.
template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp(d, hn::Neg(x))));
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
