// BenchCase: one problem of one kernel, ready to be run by everybody who can: the variants of a
// backend, and the yardsticks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/bench/problem.h"
#include "apps/bench/yardsticks/yardstick.h"
#include "kernels/backend.h"

namespace tl {

/// The outputs of a run, in the contract's layouts.
using Outputs = std::vector<std::vector<float>>;

/// One way to compute a case.
struct Contestant {
  std::string name;                 ///< of the variant, or the library
  const Yardstick* yardstick = {};  ///< whose it is; null: ours
  bool is_chosen = false;           ///< the variant that the backend takes when nobody asks
  bool rounds_more = false;         ///< a variant on request, such as TF32
  std::function<void(int copy)> run = {};
  std::function<Outputs()> outputs = {};  ///< of copy 0
};

struct BenchCase {
  std::string slot;     ///< "conv2d.forward"
  std::string problem;  ///< as the contract prints it
  DType dtype = DType::f32;
  double bytes = 0, flop = 0;  ///< flop 0: not counted
  int layers = 1, copies = 1;
  std::vector<Contestant> contestants = {};

  /// Fills the outputs of copy 0 with NaN.
  std::function<void()> spoil_outputs = {};
  /// The largest relative error (||a - b|| / ||b||) of the outputs of copy 0 against `ref` in f64.
  /// Of products and convolutions a sample is compared, of the very run: three pictures, in the
  /// gradient of a filter three output channels, in a product three rows.
  std::function<double(const Outputs&)> error = {};
};

struct CaseOptions {
  const Backend& b;
  DType dtype = DType::f32;
  std::string op = "all";       ///< "all", a contract ("conv2d") or a slot ("conv2d.forward")
  std::string variant = "all";  ///< "all", "chosen", or a name; names a yardstick too
  bool once = false;            ///< one copy of each operand is enough
  std::vector<Yardstick*> yardsticks = {};

  bool wants_slot(const std::string& slot) const {
    return op == "all" || slot == op || slot.starts_with(op + ".");
  }
  bool wants_variant(const std::string& name, bool is_chosen) const {
    return variant == "all" || name == variant || (variant == "chosen" && is_chosen);
  }
  /// Those are there to compare with, whatever the variant; unless one of them is asked for.
  bool wants_yardstick(const std::string& name) const {
    for (const Yardstick* yardstick : yardsticks) {
      if (variant.starts_with(yardstick->name())) return name == variant;
    }
    return true;
  }
};

/// Makes the cases of a problem one after the other, as far as they are wanted, and hands each to
/// `visit`; its buffers go when visit returns.
using Visit = std::function<void(const BenchCase&)>;
void for_each_case(const CaseOptions& o, const BenchProblem& problem, const Visit& visit);

// By kind of problem, for for_each_case.
void visit_cases(const CaseOptions& o, GemmProblem p, int layers, const Visit& visit);
void visit_cases(const CaseOptions& o, Conv2dProblem p, int layers, const Visit& visit);
void visit_cases(const CaseOptions& o, BatchNormProblem p, int layers, const Visit& visit);
void visit_cases(const CaseOptions& o, MaxPool2dProblem p, int layers, const Visit& visit);
void visit_cases(const CaseOptions& o, AveragePool2dProblem p, int layers, const Visit& visit);
void visit_cases(const CaseOptions& o, const PlainProblem& p, int layers, const Visit& visit);

}  // namespace tl
