// How the problems of the contracts print, in errors and benches.
#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"
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

std::ostream& operator<<(std::ostream& out, const ReduceProblem& p) {
  return out << name_of(p.op) << " along the middle of x [" << p.outer << ", " << p.count << ", "
             << p.inner << "] " << p.dtype << (p.positions ? ", with positions" : "");
}

}  // namespace tl
