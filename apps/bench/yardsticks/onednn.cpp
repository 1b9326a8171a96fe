// oneDNN: convolutions in all three passes and products of matrices, each as a primitive that may
// choose the layout of every operand (format_tag::any); operands are brought into it beforehand.
#include <omp.h>

#include <dnnl.hpp>
#include <utility>

#include "apps/bench/yardsticks/yardstick.h"

namespace tl {
namespace {

using Dims = dnnl::memory::dims;
using MemoryDesc = dnnl::memory::desc;
using dnnl::algorithm;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}
dnnl::stream& stream() {
  static dnnl::stream in_order(engine());
  return in_order;
}

constexpr auto kF32 = dnnl::memory::data_type::f32;

/// In whichever layout is best.
MemoryDesc any(const MemoryDesc& ours) {
  return {ours.dims(), kF32, dnnl::memory::format_tag::any};
}

/// `data`, which lies as `ours` says, brought into the layout `wanted`.
dnnl::memory brought(const float* data, const MemoryDesc& ours, const MemoryDesc& wanted) {
  dnnl::memory from(ours, engine(), const_cast<float*>(data));  // NOLINT: it is only read
  dnnl::memory to(wanted, engine());
  dnnl::reorder(from, to).execute(stream(), from, to);
  stream().wait();
  return to;
}

std::vector<float> brought_back(dnnl::memory from, const MemoryDesc& ours) {
  std::vector<float> data(ours.get_size() / sizeof(float));
  dnnl::memory to(ours, engine(), data.data());
  dnnl::reorder(from, to).execute(stream(), from, to);
  stream().wait();
  return data;
}

/// A primitive with its arguments, once per copy.
class PrimitiveRun : public YardstickRun {
 public:
  PrimitiveRun(const char* name, dnnl::primitive primitive, int output_argument, MemoryDesc ours)
      : name_(name),
        primitive_(std::move(primitive)),
        output_argument_(output_argument),
        ours_(std::move(ours)) {}

  void add_copy(std::unordered_map<int, dnnl::memory> arguments) {
    copies_.push_back(std::move(arguments));
  }

  const char* name() const override { return name_; }
  void run(int copy) override {
    primitive_.execute(stream(), copies_[static_cast<std::size_t>(copy)]);
    stream().wait();
  }
  std::vector<float> output() override {
    return brought_back(copies_[0].at(output_argument_), ours_);
  }

 private:
  const char* name_;
  dnnl::primitive primitive_;
  int output_argument_;
  MemoryDesc ours_;
  std::vector<std::unordered_map<int, dnnl::memory>> copies_;
};

/// The layouts of the contract (kernels/conv2d.h) in oneDNN's order of dimensions.
struct Conv2dShape {
  explicit Conv2dShape(const Conv2dProblem& p)
      : x({p.n, p.c_in, p.h, p.w}, kF32, dnnl::memory::format_tag::nhwc),
        y({p.n, p.c_out, p.out_h(), p.out_w()}, kF32, dnnl::memory::format_tag::nhwc),
        bias({p.c_out}, kF32, dnnl::memory::format_tag::a),
        strides{p.stride_h, p.stride_w},
        dilates{p.dilation_h - 1, p.dilation_w - 1},
        pads{p.pad_h, p.pad_w},
        // What the last window does not reach counts as negative padding.
        pads_after{(p.out_h() - 1) * p.stride_h + p.dilation_h * (p.kh - 1) + 1 - p.h - p.pad_h,
                   (p.out_w() - 1) * p.stride_w + p.dilation_w * (p.kw - 1) + 1 - p.w - p.pad_w} {
    const std::int64_t in = p.c_in / p.groups, out = p.c_out / p.groups, row = p.kw * in;
    w = p.groups == 1 ? MemoryDesc({out, in, p.kh, p.kw}, kF32, Dims{p.kh * row, 1, row, in})
                      : MemoryDesc({p.groups, out, in, p.kh, p.kw}, kF32,
                                   Dims{out * p.kh * row, p.kh * row, 1, row, in});
  }

  MemoryDesc x, y, w, bias;
  Dims strides, dilates, pads, pads_after;
};

dnnl::primitive_attr epilogue(const Conv2dProblem& p) {
  dnnl::post_ops steps;
  if (p.residual) steps.append_sum(1);
  if (p.relu) steps.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(steps);
  return attributes;
}

using dnnl::convolution_forward;
using dnnl::prop_kind;

convolution_forward::primitive_desc forward_primitive(algorithm how, const Conv2dProblem& p,
                                                      const Conv2dShape& s) {
  if (p.bias) {
    return {{prop_kind::forward_inference, how, any(s.x), any(s.w), any(s.bias), any(s.y),
             s.strides, s.dilates, s.pads, s.pads_after},
            epilogue(p),
            engine()};
  }
  return {{prop_kind::forward_training, how, any(s.x), any(s.w), any(s.y), s.strides, s.dilates,
           s.pads, s.pads_after},
          epilogue(p),
          engine()};
}

std::unique_ptr<PrimitiveRun> forward_run(const char* name, algorithm how, const Conv2dProblem& p,
                                          const Conv2dOperands& o) {
  const Conv2dShape s(p);
  const auto desc = forward_primitive(how, p, s);
  auto run = std::make_unique<PrimitiveRun>(name, convolution_forward(desc), DNNL_ARG_DST, s.y);
  for (std::size_t i = 0; i < o.x.size(); ++i) {
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, brought(o.x[i], s.x, desc.src_desc())},
        {DNNL_ARG_WEIGHTS, brought(o.w[i], s.w, desc.weights_desc())},
        {DNNL_ARG_DST, p.residual ? brought(o.residual, s.y, desc.dst_desc())
                                  : dnnl::memory(desc.dst_desc(), engine())}};
    if (p.bias) arguments.emplace(DNNL_ARG_BIAS, brought(o.bias, s.bias, desc.bias_desc()));
    run->add_copy(std::move(arguments));
  }
  return run;
}

std::unique_ptr<PrimitiveRun> backward_data_run(const char* name, algorithm how,
                                                const Conv2dProblem& p, const Conv2dOperands& o) {
  const Conv2dShape s(p);
  const dnnl::convolution_backward_data::primitive_desc desc(
      {how, any(s.x), any(s.w), any(s.y), s.strides, s.dilates, s.pads, s.pads_after}, engine(),
      forward_primitive(how, p, s));
  auto run = std::make_unique<PrimitiveRun>(name, dnnl::convolution_backward_data(desc),
                                            DNNL_ARG_DIFF_SRC, s.x);
  for (std::size_t i = 0; i < o.y.size(); ++i) {
    run->add_copy({{DNNL_ARG_DIFF_DST, brought(o.y[i], s.y, desc.diff_dst_desc())},
                   {DNNL_ARG_WEIGHTS, brought(o.w[i], s.w, desc.weights_desc())},
                   {DNNL_ARG_DIFF_SRC, dnnl::memory(desc.diff_src_desc(), engine())}});
  }
  return run;
}

std::unique_ptr<PrimitiveRun> backward_weight_run(const char* name, algorithm how,
                                                  const Conv2dProblem& p, const Conv2dOperands& o) {
  const Conv2dShape s(p);
  const dnnl::convolution_backward_weights::primitive_desc desc(
      {how, any(s.x), any(s.w), any(s.y), s.strides, s.dilates, s.pads, s.pads_after}, engine(),
      forward_primitive(how, p, s));
  auto run = std::make_unique<PrimitiveRun>(name, dnnl::convolution_backward_weights(desc),
                                            DNNL_ARG_DIFF_WEIGHTS, s.w);
  for (std::size_t i = 0; i < o.x.size(); ++i) {
    run->add_copy({{DNNL_ARG_SRC, brought(o.x[i], s.x, desc.src_desc())},
                   {DNNL_ARG_DIFF_DST, brought(o.y[i], s.y, desc.diff_dst_desc())},
                   {DNNL_ARG_DIFF_WEIGHTS, dnnl::memory(desc.diff_weights_desc(), engine())}});
  }
  return run;
}

/// Row-major matrices [rows, columns] one after the other, or ones stored transposed.
MemoryDesc matrices(std::int64_t count, std::int64_t rows, std::int64_t columns, bool transposed) {
  Dims extents = {rows, columns}, steps = transposed ? Dims{1, rows} : Dims{columns, 1};
  if (count > 1) {
    extents.insert(extents.begin(), count);
    steps.insert(steps.begin(), rows * columns);
  }
  return {extents, kF32, steps};
}

/// matmul; `own_layout`: operands lie as it likes best, else as the contract has them.
std::unique_ptr<PrimitiveRun> matmul_run(const char* name, bool own_layout, const GemmProblem& p,
                                         const GemmOperands& o) {
  const MemoryDesc a = matrices(p.batch, p.m, p.k, p.trans_a);
  const MemoryDesc b = matrices(p.batch, p.k, p.n, p.trans_b);
  const MemoryDesc y = matrices(p.batch, p.m, p.n, false);
  const MemoryDesc bias(p.batch > 1 ? Dims{1, 1, p.n} : Dims{1, p.n}, kF32,
                        p.batch > 1 ? Dims{p.n, p.n, 1} : Dims{p.n, 1});
  const auto layout = [&](const MemoryDesc& ours) { return own_layout ? any(ours) : ours; };
  const dnnl::matmul::primitive_desc desc =
      p.bias ? dnnl::matmul::primitive_desc({layout(a), layout(b), bias, layout(y)}, engine())
             : dnnl::matmul::primitive_desc({layout(a), layout(b), layout(y)}, engine());
  auto run = std::make_unique<PrimitiveRun>(name, dnnl::matmul(desc), DNNL_ARG_DST, y);
  for (std::size_t i = 0; i < o.a.size(); ++i) {
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, brought(o.a[i], a, desc.src_desc())},
        {DNNL_ARG_WEIGHTS, brought(o.b[i], b, desc.weights_desc())},
        {DNNL_ARG_DST, dnnl::memory(desc.dst_desc(), engine())}};
    if (p.bias) arguments.emplace(DNNL_ARG_BIAS, brought(o.bias, bias, bias));
    run->add_copy(std::move(arguments));
  }
  return run;
}

/// Appends what make() returns; nothing where oneDNN has no such implementation.
template <class Make>
void append_if_implemented(YardstickRuns& runs, const Make& make) {
  try {
    runs.push_back(make());
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) throw;
  }
}

const char* name_of(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return "another instruction set";
  }
}

class OneDnn : public Yardstick {
 public:
  const char* name() const override { return "onednn"; }
  std::string version() const override {
    const dnnl_version_t* v = dnnl::version();
    return std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch) +
           (v->cpu_runtime == DNNL_RUNTIME_OMP ? ", OpenMP, " : ", not OpenMP, ") +
           name_of(dnnl::get_effective_cpu_isa());
  }
  void set_thread_count(int threads) override { omp_set_num_threads(threads); }

  YardstickRuns gemm(const GemmProblem& p, const GemmOperands& o) override {
    YardstickRuns runs;
    append_if_implemented(runs, [&] { return matmul_run("onednn", true, p, o); });
    append_if_implemented(runs, [&] { return matmul_run("onednn_plain", false, p, o); });
    return runs;
  }

  YardstickRuns conv2d(Conv2dPass pass, const Conv2dProblem& p, const Conv2dOperands& o) override {
    if (p.prologue || p.sums || p.accumulate) return {};
    const auto make = pass == Conv2dPass::forward         ? forward_run
                      : pass == Conv2dPass::backward_data ? backward_data_run
                                                          : backward_weight_run;
    YardstickRuns runs;
    append_if_implemented(runs, [&] { return make("onednn", algorithm::convolution_auto, p, o); });
    append_if_implemented(
        runs, [&] { return make("onednn_winograd", algorithm::convolution_winograd, p, o); });
    return runs;
  }
};

}  // namespace
}  // namespace tl

extern "C" tl::Yardstick* tlbench_yardstick(const char* simd_target) {
  const std::string target = simd_target;
  if (target == "avx2") dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
  if (target == "sse4" || target == "baseline") dnnl::set_max_cpu_isa(dnnl::cpu_isa::sse41);
  static tl::OneDnn yardstick;
  return &yardstick;
}
