// How the problems of the contracts print, in errors and benches.
#include "kernels/average_pool2d.h"
#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"
#include "kernels/max_pool2d.h"
#include "kernels/reduce.h"

namespace tl {

std::ostream& operator<<(std::ostream& out, const Conv2dProblem& p) {
  out << "x [" << p.n << ", " << p.h << ", " << p.w << ", " << p.c_in << "] " << p.x_dtype
      << ", filter [" << p.c_out << ", " << p.kh << ", " << p.kw << ", " << p.c_in / p.groups
      << "] " << p.w_dtype << ", stride " << p.stride_h << "x" << p.stride_w << ", pad " << p.pad_h
      << "x" << p.pad_w;
  if (p.dilation_h != 1 || p.dilation_w != 1)
    out << ", dilation " << p.dilation_h << "x" << p.dilation_w;
  if (p.groups != 1) out << ", groups " << p.groups;
  if (p.prologue)
    out << (p.prologue_relu ? ", prologue scale shift relu" : ", prologue scale shift");
  if (p.bias) out << ", bias";
  if (p.residual) out << ", residual";
  if (p.relu) out << ", relu";
  if (p.sums) out << ", sums";
  if (p.accumulate) out << ", accumulate";
  return out;
}

std::ostream& operator<<(std::ostream& out, const BatchNormProblem& p) {
  out << "x [" << p.rows << ", " << p.channels << "] " << p.x_dtype << ", statistics "
      << p.stat_dtype;
  if (p.residual) out << ", residual";
  if (p.relu) out << ", relu";
  return out;
}

std::ostream& operator<<(std::ostream& out, const GemmProblem& p) {
  if (p.batch != 1) out << p.batch << " times ";
  return out << "[" << p.m << ", " << p.k << "]" << (p.trans_a ? "^T" : "") << " x [" << p.k << ", "
             << p.n << "]" << (p.trans_b ? "^T" : "") << " " << p.dtype
             << (p.bias ? " + bias" : "");
}

std::ostream& operator<<(std::ostream& out, const MaxPool2dProblem& p) {
  out << "x [" << p.n << ", " << p.h << ", " << p.w << ", " << p.c << "] " << p.dtype << ", kernel "
      << p.kernel_h << "x" << p.kernel_w << ", stride " << p.stride_h << "x" << p.stride_w
      << ", pad " << p.pad_h << "x" << p.pad_w;
  if (p.dilation_h != 1 || p.dilation_w != 1)
    out << ", dilation " << p.dilation_h << "x" << p.dilation_w;
  if (p.ceil_mode) out << ", ceil mode";
  if (p.positions) out << ", with positions";
  return out;
}

namespace {

std::ostream& operator<<(std::ostream& out, const AverageAxis& a) {
  if (a.kernel == 0) return out << a.outputs << " adaptive";
  out << a.outputs << " of " << a.kernel << " every " << a.stride << ", pad " << a.pad;
  return out << (a.pad > 0 && !a.count_include_pad ? " not counted" : "");
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const AveragePool2dProblem& p) {
  return out << "x [" << p.n << ", " << p.rows.size << ", " << p.columns.size << ", " << p.c << "] "
             << p.dtype << ", windows down: " << p.rows << ", across: " << p.columns;
}

std::ostream& operator<<(std::ostream& out, const ReduceProblem& p) {
  return out << name_of(p.op) << " along the middle of x [" << p.outer << ", " << p.count << ", "
             << p.inner << "] " << p.dtype << (p.positions ? ", with positions" : "");
}

}  // namespace tl
