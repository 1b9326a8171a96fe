// Poolings as cases: largest element and mean, forward and backward.
#include "apps/bench/reference.h"
#include "apps/bench/variant_contestants.h"

namespace tl {
namespace {

using Position = std::vector<std::int32_t>;

/// Elements of what a pass reads and writes.
struct Sizes {
  std::int64_t from, to;
};

/// y from x, or dx from dy, with the positions of the largest elements where there are any.
/// arguments(from, to, position, workspace) gives what a variant runs on.
template <class P, class Args, class Arguments>
void visit_pass(const CaseOptions& o, const VariantSlot<P, Args>& slot,
                const VariantSlot<P, Args>& ref_slot, const P& p, Sizes sizes,
                const std::shared_ptr<Buffers>& positions, int layers, const Arguments& arguments,
                const Visit& visit) {
  BenchCase c = case_of(o, slot.name(), p, layers);
  const auto from = operand(o, c, p.dtype, sizes.from), to = operand(o, c, p.dtype, sizes.to);
  add_variants(c, o, slot, p, nullptr, [=](int copy, View workspace, ConstView) {
    const View position = positions ? View((*positions)[copy]) : View();
    return arguments((*from)[copy], (*to)[copy], position, workspace);
  });
  set_outputs(c, o.b, {to});
  P wide = p;
  wide.dtype = DType::f64;
  c.error = error_against([=, &b = o.b, &ref_slot] {
    const Doubles x = widen(to_host(b, (*from)[0]));
    Doubles y(static_cast<std::size_t>(sizes.to));
    Position position;
    View position_view;
    if (positions) {
      const ConstView known = (*positions)[0];
      position.resize(static_cast<std::size_t>(known.size));
      position_view = view_of(position.data(), known.size);
      b.memory.copy_to_host({}, known, position_view);
    }
    ref_slot.choose(wide).run({}, wide, arguments(view_of(x), view_of(y), position_view, View()));
    return std::vector<Doubles>{y};
  });
  visit(c);
}

MaxPool2dForwardArgs max_forward(ConstView x, View y, View position, View workspace) {
  return {x, y, position, workspace};
}
MaxPool2dBackwardArgs max_backward(ConstView dy, View dx, View position, View workspace) {
  return {dy, position, dx, workspace};
}
AveragePool2dForwardArgs average_forward(ConstView x, View y, View, View workspace) {
  return {x, y, workspace};
}
AveragePool2dBackwardArgs average_backward(ConstView dy, View dx, View, View workspace) {
  return {dy, dx, workspace};
}

/// Positions of the largest elements of random pictures, one set per copy.
std::shared_ptr<Buffers> positions_of(const CaseOptions& o, MaxPool2dProblem p, int copies) {
  const auto positions = std::make_shared<Buffers>(o.b, DType::i32, p.y_size(), copies);
  p.positions = true;
  const auto& forward = o.b.max_pool2d.forward.choose(p);
  const Buffer x(o.b, p.dtype, p.x_size()), y(o.b, p.dtype, p.y_size());
  const Buffer workspace(o.b, DType::u8, forward.workspace_size(p));
  for (int copy = 0; copy < copies; ++copy)
    forward.run({}, p, {x, y, (*positions)[copy], workspace});
  return positions;
}

}  // namespace

void visit_cases(const CaseOptions& o, MaxPool2dProblem p, int layers, const Visit& visit) {
  p.dtype = o.dtype;
  const MaxPool2dKernels& kernels = o.b.max_pool2d;
  const Sizes sizes{p.x_size(), p.y_size()};
  const int copies = o.once ? 1 : copies_past_cache(o.b, p.bytes());
  if (o.wants_slot(kernels.forward.name())) {
    const auto positions =
        p.positions ? std::make_shared<Buffers>(o.b, DType::i32, p.y_size(), copies) : nullptr;
    visit_pass(o, kernels.forward, ref().max_pool2d.forward, p, sizes, positions, layers,
               max_forward, visit);
  }
  if (o.wants_slot(kernels.backward.name())) {
    visit_pass(o, kernels.backward, ref().max_pool2d.backward, p, {sizes.to, sizes.from},
               positions_of(o, p, copies), layers, max_backward, visit);
  }
}

void visit_cases(const CaseOptions& o, AveragePool2dProblem p, int layers, const Visit& visit) {
  p.dtype = o.dtype;
  const AveragePool2dKernels& kernels = o.b.average_pool2d;
  const Sizes sizes{p.x_size(), p.y_size()};
  if (o.wants_slot(kernels.forward.name())) {
    visit_pass(o, kernels.forward, ref().average_pool2d.forward, p, sizes, nullptr, layers,
               average_forward, visit);
  }
  if (o.wants_slot(kernels.backward.name())) {
    visit_pass(o, kernels.backward, ref().average_pool2d.backward, p, {sizes.to, sizes.from},
               nullptr, layers, average_backward, visit);
  }
}

}  // namespace tl
