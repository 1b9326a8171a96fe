// Kernels without variants as cases.
#include "apps/bench/reference.h"
#include "apps/bench/variant_contestants.h"

namespace tl {
namespace {

const char* slot_name(const Backend& b, PlainProblem::Kernel kernel) {
  switch (kernel) {
    case PlainProblem::Kernel::relu:
      return b.elementwise.unary.name();
    case PlainProblem::Kernel::accumulate:
      return b.elementwise.accumulate.name();
    case PlainProblem::Kernel::softmax:
      return b.softmax.forward.name();
    case PlainProblem::Kernel::global_average_pool:
      return b.global_average_pool.forward.name();
  }
  return "";
}

void run(const Backend& b, const PlainProblem& p, ConstView x, View y) {
  switch (p.kernel) {
    case PlainProblem::Kernel::relu:
      return b.elementwise.unary({}, {.op = UnaryOp::relu}, x, y);
    case PlainProblem::Kernel::accumulate:
      return b.elementwise.accumulate({}, x, y);
    case PlainProblem::Kernel::softmax:
      return b.softmax.forward({}, p.c, x, y);
    case PlainProblem::Kernel::global_average_pool:
      return b.global_average_pool.forward({}, {.n = p.n, .h = p.h, .w = p.w, .c = p.c}, x, y);
  }
}

std::int64_t y_size(const PlainProblem& p) {
  return p.kernel == PlainProblem::Kernel::global_average_pool ? p.n * p.c : p.size();
}

double bytes(const PlainProblem& p, DType dtype) {
  const bool reads_y = p.kernel == PlainProblem::Kernel::accumulate;
  return static_cast<double>(p.size() + (reads_y ? 2 : 1) * y_size(p)) *
         static_cast<double>(size_of(dtype));
}

}  // namespace

void visit_cases(const CaseOptions& o, const PlainProblem& p, int layers, const Visit& visit) {
  const char* const slot = slot_name(o.b, p.kernel);
  if (!o.wants_slot(slot) || !o.wants_variant("", true)) return;
  BenchCase c{.slot = slot, .problem = concat(p), .dtype = o.dtype, .layers = layers};
  c.bytes = bytes(p, o.dtype);
  c.copies = o.once ? 1 : copies_past_cache(o.b, c.bytes);
  const auto x = operand(o, c, o.dtype, p.size()), y = operand(o, c, o.dtype, y_size(p));
  c.contestants.push_back({.name = "", .is_chosen = true, .run = [&b = o.b, p, x, y](int copy) {
                             run(b, p, (*x)[copy], (*y)[copy]);
                           }});
  set_outputs(c, o.b, {y});
  if (p.kernel == PlainProblem::Kernel::accumulate)  // y is an operand too: from zero
    c.spoil_outputs = [&b = o.b, y] { b.memory.fill({}, 0, (*y)[0]); };
  c.error = error_against([&b = o.b, p, x] {
    const Doubles from = widen(to_host(b, (*x)[0]));
    Doubles to(static_cast<std::size_t>(y_size(p)));
    run(ref(), p, view_of(from), view_of(to));
    return std::vector<Doubles>{to};
  });
  visit(c);
}

void for_each_case(const CaseOptions& o, const BenchProblem& problem, const Visit& visit) {
  std::visit([&](const auto& p) { visit_cases(o, p, problem.layers, visit); }, problem.sizes);
}

}  // namespace tl
