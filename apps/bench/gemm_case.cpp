// Products of matrices as a case.
#include "apps/bench/reference.h"
#include "apps/bench/variant_contestants.h"

namespace tl {
namespace {

struct GemmBuffers {
  std::shared_ptr<Buffers> a, b, y;
  std::shared_ptr<Buffer> bias;
};

/// Rows of op(a[t]), each a product of its own with b[t].
class Reference {
 public:
  Reference(const Backend& b, const GemmProblem& p, const GemmBuffers& o)
      : p_(p), matrices_(some_of(p.batch)), rows_(some_of(p.m)) {
    const std::vector<float> a = to_host(b, (*o.a)[0]), weights = to_host(b, (*o.b)[0]);
    const Doubles bias = p.bias ? widen(to_host(b, *o.bias)) : Doubles();
    GemmProblem some = p;
    some.m = static_cast<std::int64_t>(rows_.size());
    some.batch = 1, some.trans_a = false, some.dtype = DType::f64;
    for (const std::int64_t t : matrices_) {
      const Doubles rows = rows_of(piece(a, t, p.m * p.k));
      const Doubles right = widen(piece(weights, t, p.k * p.n));
      Doubles y(rows_.size() * static_cast<std::size_t>(p.n));
      const GemmArgs args{
          view_of(rows), view_of(right), p.bias ? view_of(bias) : ConstView(), view_of(y), {}};
      ref().gemm.run.choose(some).run({}, some, args);
      y_.insert(y_.end(), y.begin(), y.end());
    }
  }

  double error(const std::vector<float>& y) const {
    std::vector<float> some;
    for (const std::int64_t t : matrices_) {
      for (const std::int64_t row : rows_) {
        const auto begin = y.begin() + (t * p_.m + row) * p_.n;
        some.insert(some.end(), begin, begin + p_.n);
      }
    }
    return relative_error(some, y_);
  }

 private:
  Doubles rows_of(const std::vector<float>& a) const {
    Doubles rows;
    for (const std::int64_t row : rows_) {
      for (std::int64_t l = 0; l < p_.k; ++l)
        rows.push_back(a[static_cast<std::size_t>(p_.trans_a ? l * p_.m + row : row * p_.k + l)]);
    }
    return rows;
  }

  GemmProblem p_;
  std::vector<std::int64_t> matrices_, rows_;
  Doubles y_;
};

void add_yardsticks(BenchCase& c, const CaseOptions& o, const GemmProblem& p,
                    const GemmBuffers& x) {
  for (Yardstick* yardstick : o.yardsticks) {
    const GemmOperands operands{x.a->host_f32(), x.b->host_f32(),
                                p.bias ? ConstView(*x.bias).as<float>() : nullptr};
    add_runs(c, o, *yardstick, yardstick->gemm(p, operands), x);
  }
}

}  // namespace

void visit_cases(const CaseOptions& o, GemmProblem p, int layers, const Visit& visit) {
  const auto& slot = o.b.gemm.run;
  if (!o.wants_slot(slot.name())) return;
  p.dtype = o.dtype;
  BenchCase c = case_of(o, slot.name(), p, layers);
  const GemmBuffers x{operand(o, c, p.dtype, p.batch * p.m * p.k),
                      operand(o, c, p.dtype, p.batch * p.k * p.n),
                      operand(o, c, p.dtype, p.batch * p.m * p.n),
                      std::make_shared<Buffer>(o.b, parameter_dtype(p.dtype), p.n)};
  add_variants(c, o, slot, p, x.b, [x, p](int copy, View workspace, ConstView weights) {
    return GemmArgs{(*x.a)[copy], weights, p.bias ? ConstView(*x.bias) : ConstView(), (*x.y)[copy],
                    workspace};
  });
  add_yardsticks(c, o, p, x);
  set_outputs(c, o.b, {x.y});
  c.error = [&b = o.b, p, x,
             reference = std::shared_ptr<Reference>()](const Outputs& outputs) mutable {
    if (!reference) reference = std::make_shared<Reference>(b, p, x);
    return reference->error(outputs[0]);
  };
  visit(c);
}

}  // namespace tl
