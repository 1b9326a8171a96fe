// matmul: y = a b, matrix by matrix        da = dy b^T        db = a^T dy
// Where b is one matrix for all, the leading dimensions of a and y are rows like m, and db sums
// over them too. saved: a and b, each only for the gradient that needs it
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/gemm.h"

namespace tl {
namespace {

/// Sizes of y = a b; throws unless they fit.
GemmProblem matmul_problem(const Tensor& a, const Tensor& b) {
  const std::vector<std::int64_t>&a_dims = a.shape().dims(), &b_dims = b.shape().dims();
  const bool matrices = a_dims.size() >= 2 && b_dims.size() >= 2;
  const bool shared = b_dims.size() == 2;
  check(matrices && a.shape()[-1] == b.shape()[-2] &&
            (shared || (a_dims.size() == b_dims.size() &&
                        std::equal(a_dims.begin(), a_dims.end() - 2, b_dims.begin()))),
        "matmul: needs a [..., m, k] and b [..., k, n] or [k, n], got ", a.shape(), " and ",
        b.shape());
  GemmProblem p{.m = a.shape()[-2], .n = b.shape()[-1], .k = a.shape()[-1], .dtype = a.dtype()};
  const std::int64_t leading = Shape({a_dims.begin(), a_dims.end() - 2}).size();
  (shared ? p.m : p.batch) *= leading;
  return p;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_float("matmul", a);
  check_alike("matmul", a, "b", b);
  const GemmProblem p = matmul_problem(a, b);
  std::vector<std::int64_t> extents = a.shape().dims();
  extents.back() = p.n;
  const Tensor y = gemm(p, a, b, Shape(extents));

  const Saved saved_a("matmul", b.requires_grad() ? a : Tensor{});
  const Saved saved_b("matmul", a.requires_grad() ? b : Tensor{});
  return record("matmul", y, {a, b},
                [p, a = saved_a, b = saved_b, a_shape = a.shape(), b_shape = b.shape()](
                    const Tensor& dy, const Needs& needs) {
                  Gradients g(2);
                  GemmProblem of_a = p, of_b = p;
                  of_a.n = p.k;
                  of_a.k = p.n;
                  of_a.trans_b = true;
                  of_b.m = p.k;
                  of_b.k = p.m;
                  of_b.trans_a = true;
                  if (needs[0]) g[0] = gemm(of_a, dy, b.get(), a_shape);
                  if (needs[1]) g[1] = gemm(of_b, a.get(), dy, b_shape);
                  return g;
                });
}

}  // namespace tl
