// Variant, VariantSlot: one computation that a backend can do in several ways (gemm, conv2d, batch
// norm). Every variant is a plain value; the one that choose() returns is asked for its buffer
// sizes and then run, so sizes and kernel can never belong to different choices.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "kernels/observer.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

/// One way to compute `Problem` from the buffers in `Args`.
template <class Problem, class Args>
struct Variant {
  const char* name;

  /// Whether this variant computes `problem` at all (dtypes, strides, prologue, epilogue).
  bool (*supports)(const Problem& problem);

  /// Size of the weights in this variant's own form; nullptr or 0: it takes them as they are.
  std::int64_t (*prepared_bytes)(const Problem& problem) = nullptr;

  /// Writes that form (packed panels, Winograd-transformed filters). Needed once per weights, not
  /// once per run; depends on the weights' part of the problem only, never on the batch size.
  void (*prepare)(Stream stream, const Problem& problem, ConstView weights,
                  View prepared) = nullptr;

  /// Scratch that run() needs, 64-byte aligned, contents undefined before and after.
  std::int64_t (*workspace_bytes)(const Problem& problem) = nullptr;

  void (*run)(Stream stream, const Problem& problem, const Args& args);

  /// Estimated cost in multiply-adds, comparable between the variants of one slot.
  double (*cost)(const Problem& problem) = nullptr;

  /// Never chosen, only forced by its name: it rounds more than the contract says (TF32), or has
  /// not yet been verified on the device that it is for.
  bool on_request = false;

  const char* slot = "";  ///< name of the slot that holds it, set by VariantSlot::add

  /// run(), seen by an observer: what everybody but a test calls.
  void operator()(Stream stream, const Problem& problem, const Args& args) const {
    observed(
        [&] {
          KernelCall call{.slot = slot, .variant = name};
          if constexpr (requires { problem.bytes(); }) call.bytes = problem.bytes();
          if constexpr (requires { problem.multiply_adds(); })
            call.flop = 2 * problem.multiply_adds();
          return call;
        },
        [&] { run(stream, problem, args); });
  }

  std::int64_t prepared_size(const Problem& problem) const {
    return prepared_bytes ? prepared_bytes(problem) : 0;
  }
  std::int64_t workspace_size(const Problem& problem) const {
    return workspace_bytes ? workspace_bytes(problem) : 0;
  }
};

/// The variants that one backend has of one computation.
template <class Problem, class Args>
class VariantSlot {
 public:
  using Value = Variant<Problem, Args>;

  explicit VariantSlot(const char* name) : name_(name) {}

  /// Variants of equal cost are preferred in the order they were added.
  void add(Value variant) {
    variant.slot = name_;
    variants_.push_back(variant);
  }

  /// A variant that this build or machine could have and has not: force() then says why.
  void add_absent(std::string_view variant, std::string_view why) {
    absent_.push_back({std::string(variant), std::string(why)});
  }

  /// Variants `on_request` for which `released(slot, variant)` holds may be chosen from now on.
  template <class Released>
  void release(const Released& released) {
    for (Value& v : variants_) v.on_request = v.on_request && !released(v.slot, v.name);
  }

  /// From now on choose() returns the variant of this name or throws; "" gives the choice back.
  void force(std::string_view variant) {
    for (const Value& v : variants_) {
      if (variant == v.name) {
        forced_ = v.name;
        return;
      }
    }
    for (const Absent& a : absent_)
      check(variant != a.name, name_, ": no variant '", a.name, "': ", a.why);
    check(variant.empty(), name_, ": no variant '", variant, "'; it has ", names());
    forced_.clear();
  }

  bool is_forced() const { return !forced_.empty(); }

  /// From now on choose() returns the variant of this name for the problem that prints as
  /// `problem`, if it supports it, whatever costs say; one that is forced goes first. Throws where
  /// there is no such variant.
  void prefer(const std::string& problem, std::string_view variant) {
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      if (variant == variants_[i].name) {
        preferred_[problem] = i;
        return;
      }
    }
    throw Error(concat(name_, ": no variant '", variant, "'; it has ", names()));
  }

  /// The preferred variant, else the cheapest that supports `problem`; throws when there is none.
  const Value& choose(const Problem& problem) const {
    if (forced_.empty() && !preferred_.empty()) {
      const auto found = preferred_.find(concat(problem));
      if (found != preferred_.end() && variants_[found->second].supports(problem))
        return variants_[found->second];
    }
    const Value* best = nullptr;
    double best_cost = 0;
    for (const Value& v : variants_) {
      if (forced_.empty() ? v.on_request : forced_ != v.name) continue;
      if (!v.supports(problem)) continue;
      const double cost = v.cost ? v.cost(problem) : 0;
      if (!best || cost < best_cost) {
        best = &v;
        best_cost = cost;
      }
    }
    check(!variants_.empty(), name_, ": this backend has no kernel for it: ", problem);
    check(best, name_, ": none of ", forced_.empty() ? names() : forced_, " supports ", problem);
    return *best;
  }

  const std::vector<Value>& all() const { return variants_; }
  /// What prefer() was told: names of variants by printed problem.
  std::map<std::string, std::string> preferred() const {
    std::map<std::string, std::string> names;
    for (const auto& [problem, i] : preferred_) names.emplace(problem, variants_[i].name);
    return names;
  }
  const char* name() const { return name_; }

  /// Whether add_absent() was told of it.
  bool is_absent(std::string_view variant) const {
    for (const Absent& a : absent_) {
      if (variant == a.name) return true;
    }
    return false;
  }

 private:
  struct Absent {
    std::string name, why;
  };

  std::string names() const {
    std::string list;
    for (const Value& v : variants_) list += (list.empty() ? "" : ", ") + std::string(v.name);
    return list;
  }

  const char* name_;
  std::vector<Value> variants_;
  std::vector<Absent> absent_;
  std::string forced_;
  std::map<std::string, std::size_t> preferred_;  // printed problem to place among the variants
};

}  // namespace tl
