// elementwise: one vector loop per function, which memory bounds wherever no exp, log or pow is in
// it. Broadcasting goes through y row by row; a row of either input is a run of numbers or one
// number for all of it.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"
#include "kernels/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// y[i] = f(d, x[i])
template <class F>
void map(const float* x, float* y, std::int64_t size, const F& f) {
  parallel_vectors(
      size, [=](auto d, std::int64_t i) { hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i); });
}

/// y[i] = f(d, a[i], b[i])
template <class F>
void map(const float* a, const float* b, float* y, std::int64_t size, const F& f) {
  parallel_vectors(size, [=](auto d, std::int64_t i) {
    hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  });
}

/// x^exponent. Exponents other than 2, and the 1 of its gradient, are left to the C library, lane
/// by lane: a logarithm and an exponential with the bits of a double are needed in between.
template <class D, class V = hn::Vec<D>>
V power(D d, V x, float exponent) {
  if (exponent == 2) return hn::Mul(x, x);
  if (exponent == 1) return x;
  HWY_ALIGN float lanes[hn::MaxLanes(d)];
  hn::Store(x, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = std::pow(lanes[i], exponent);
  return hn::Load(d, lanes);
}

void unary(const UnaryProblem& p, const float* x, float* y, std::int64_t size) {
  const float a = static_cast<float>(p.a), b = static_cast<float>(p.b);
  switch (p.op) {
    case UnaryOp::relu:
      return map(x, y, size, [](auto d, auto v) {
        return hn::IfThenZeroElse(hn::Le(v, hn::Zero(d)), v);  // NaN <= 0 is false
      });
    case UnaryOp::leaky_relu:
      return map(x, y, size, [=](auto d, auto v) {
        return hn::IfThenElse(hn::Gt(v, hn::Zero(d)), v, hn::Mul(hn::Set(d, a), v));
      });
    case UnaryOp::exp:
      return map(x, y, size, [](auto d, auto v) { return exp(d, v); });
    case UnaryOp::log:
      return map(x, y, size, [](auto d, auto v) { return log(d, v); });
    case UnaryOp::sqrt:
      return map(x, y, size, [](auto, auto v) { return hn::Sqrt(v); });
    case UnaryOp::tanh:
      return map(x, y, size, [](auto d, auto v) { return tanh(d, v); });
    case UnaryOp::sigmoid:
      return map(x, y, size, [](auto d, auto v) { return sigmoid(d, v); });
    case UnaryOp::clamp:
      return map(x, y, size, [=](auto d, auto v) {
        const auto low = hn::Set(d, a), high = hn::Set(d, b);
        const auto raised = hn::IfThenElse(hn::Lt(v, low), low, v);
        return hn::IfThenElse(hn::Gt(raised, high), high, raised);
      });
    case UnaryOp::pow:
      return map(x, y, size, [=](auto d, auto v) { return power(d, v, a); });
    case UnaryOp::scale:
      return map(x, y, size,
                 [=](auto d, auto v) { return hn::MulAdd(hn::Set(d, a), v, hn::Set(d, b)); });
  }
}

/// `saved` is x or y, whichever saved_by(op) says.
void unary_backward(const UnaryProblem& p, const float* saved, const float* dy, float* dx,
                    std::int64_t size) {
  const float a = static_cast<float>(p.a), b = static_cast<float>(p.b);
  switch (p.op) {
    case UnaryOp::relu:
      return map(saved, dy, dx, size, [](auto d, auto y, auto g) {
        return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), g);
      });
    case UnaryOp::leaky_relu:
      return map(saved, dy, dx, size, [=](auto d, auto x, auto g) {
        return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), g, hn::Mul(hn::Set(d, a), g));
      });
    case UnaryOp::exp:
      return map(saved, dy, dx, size, [](auto, auto y, auto g) { return hn::Mul(g, y); });
    case UnaryOp::log:
      return map(saved, dy, dx, size, [](auto, auto x, auto g) { return hn::Div(g, x); });
    case UnaryOp::sqrt:
      return map(saved, dy, dx, size,
                 [](auto, auto y, auto g) { return hn::Div(g, hn::Add(y, y)); });
    case UnaryOp::tanh:
      return map(saved, dy, dx, size, [](auto d, auto y, auto g) {
        return hn::Mul(g, hn::NegMulAdd(y, y, hn::Set(d, 1.0f)));
      });
    case UnaryOp::sigmoid:
      return map(saved, dy, dx, size, [](auto d, auto y, auto g) {
        return hn::Mul(hn::Mul(g, y), hn::Sub(hn::Set(d, 1.0f), y));
      });
    case UnaryOp::clamp:
      return map(saved, dy, dx, size, [=](auto d, auto x, auto g) {
        const auto inside = hn::And(hn::Ge(x, hn::Set(d, a)), hn::Le(x, hn::Set(d, b)));
        return hn::IfThenElseZero(inside, g);
      });
    case UnaryOp::pow:
      if (a == 0) return map(dy, dx, size, [](auto d, auto) { return hn::Zero(d); });
      return map(saved, dy, dx, size, [=](auto d, auto x, auto g) {
        return hn::Mul(g, hn::Mul(hn::Set(d, a), power(d, x, a - 1)));
      });
    case UnaryOp::scale:
      return map(dy, dx, size, [=](auto d, auto g) { return hn::Mul(hn::Set(d, a), g); });
  }
}

/// A row of y and where it comes from: all dimensions but the innermost are counted up, as an
/// odometer is.
class RowWalk {
 public:
  RowWalk(const BinaryProblem& p, std::int64_t row) : p_(p) {
    for (int k = p.rank - 1; k-- > 0;) {
      const auto i = static_cast<std::size_t>(k);
      at_[i] = row % p.extents[i];
      row /= p.extents[i];
      a += at_[i] * p.a_steps[i];
      b += at_[i] * p.b_steps[i];
    }
  }
  void next() {
    for (int k = p_.rank - 1; k-- > 0;) {
      const auto i = static_cast<std::size_t>(k);
      a += p_.a_steps[i];
      b += p_.b_steps[i];
      if (++at_[i] < p_.extents[i]) return;
      a -= p_.extents[i] * p_.a_steps[i];
      b -= p_.extents[i] * p_.b_steps[i];
      at_[i] = 0;
    }
  }
  std::int64_t a = 0, b = 0;  ///< where the row begins in the inputs

 private:
  const BinaryProblem& p_;
  BinaryProblem::Dims at_{};
};

/// y[i] = f(a[i * a_step], b[i * b_step]), steps of 0 or 1.
template <class F>
HWY_INLINE void map_row(const float* a, bool a_step, const float* b, bool b_step, float* y,
                        std::int64_t size, const F& f) {
  if (a_step && b_step) {
    for_each_vector({0, size}, [=](auto d, std::int64_t i) {
      hn::StoreU(f(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
    });
  } else if (a_step) {
    for_each_vector({0, size}, [=, value = *b](auto d, std::int64_t i) {
      hn::StoreU(f(hn::LoadU(d, a + i), hn::Set(d, value)), d, y + i);
    });
  } else if (b_step) {
    for_each_vector({0, size}, [=, value = *a](auto d, std::int64_t i) {
      hn::StoreU(f(hn::Set(d, value), hn::LoadU(d, b + i)), d, y + i);
    });
  } else {
    for_each_vector({0, size}, [=, left = *a, right = *b](auto d, std::int64_t i) {
      hn::StoreU(f(hn::Set(d, left), hn::Set(d, right)), d, y + i);
    });
  }
}

template <class F>
void map_rows(const BinaryProblem& p, const float* a, const float* b, float* y, const F& f) {
  const auto innermost = static_cast<std::size_t>(p.rank - 1);
  const std::int64_t row_size = p.extents[innermost];
  const bool a_step = p.a_steps[innermost] != 0, b_step = p.b_steps[innermost] != 0;
  parallel_ranges(p.size(), kChunk, [=, &p](Range chunk) {
    RowWalk row(p, chunk.begin / row_size);
    for (std::int64_t i = chunk.begin; i < chunk.end; row.next()) {
      const std::int64_t skip = i % row_size, size = std::min(row_size - skip, chunk.end - i);
      map_row(a + row.a + (a_step ? skip : 0), a_step, b + row.b + (b_step ? skip : 0), b_step,
              y + i, size, f);
      i += size;
    }
  });
}

void binary(const BinaryProblem& p, const float* a, const float* b, float* y) {
  switch (p.op) {
    case BinaryOp::add:
      return map_rows(p, a, b, y, [](auto u, auto v) { return hn::Add(u, v); });
    case BinaryOp::sub:
      return map_rows(p, a, b, y, [](auto u, auto v) { return hn::Sub(u, v); });
    case BinaryOp::mul:
      return map_rows(p, a, b, y, [](auto u, auto v) { return hn::Mul(u, v); });
    case BinaryOp::div:
      return map_rows(p, a, b, y, [](auto u, auto v) { return hn::Div(u, v); });
  }
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(unary);
HWY_EXPORT(unary_backward);
HWY_EXPORT(binary);

void run_unary(Stream, const UnaryProblem& p, ConstView x, View y) {
  const char* op = name_of(p.op);
  HWY_DYNAMIC_DISPATCH(unary)(p, floats(op, x), floats(op, y), y.size);
}

void run_unary_backward(Stream, const UnaryProblem& p, ConstView saved, ConstView dy, View dx) {
  const char* op = name_of(p.op);
  const float* from = saved_by(p.op) == SavedBy::nothing ? nullptr : floats(op, saved);
  HWY_DYNAMIC_DISPATCH(unary_backward)
  (p, from, floats(op, dy), floats(op, dx), dx.size);
}

void run_binary(Stream, const BinaryProblem& p, ConstView a, ConstView b, View y) {
  const char* op = name_of(p.op);
  HWY_DYNAMIC_DISPATCH(binary)(p, floats(op, a), floats(op, b), floats(op, y));
}

void run_accumulate(Stream, ConstView x, View y) {
  const char* op = "elementwise.accumulate";
  HWY_DYNAMIC_DISPATCH(binary)
  (BinaryProblem::plain(BinaryOp::add, y.size), floats(op, y), floats(op, x), floats(op, y));
}

}  // namespace

void install_elementwise(Backend& b) {
  b.elementwise.unary = run_unary;
  b.elementwise.unary_backward = run_unary_backward;
  b.elementwise.binary = run_binary;
  b.elementwise.accumulate = run_accumulate;
}

}  // namespace tl::cpu
#endif
