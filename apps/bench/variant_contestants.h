// add_variants: every variant of a slot as a contestant of a case.
#pragma once

#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>

#include "apps/bench/bench_case.h"
#include "apps/bench/buffer.h"

namespace tl {

/// A case of `p`, nobody in it yet.
template <class P>
BenchCase case_of(const CaseOptions& o, const char* slot, const P& p, int layers) {
  BenchCase c{.slot = slot, .problem = concat(p), .dtype = o.dtype, .layers = layers};
  if constexpr (requires { p.bytes(); }) c.bytes = p.bytes();
  if constexpr (requires { p.multiply_adds(); }) c.flop = 2 * p.multiply_adds();
  c.copies = o.once ? 1 : copies_past_cache(o.b, c.bytes);
  return c;
}

/// The outputs of copy 0, and how they are spoilt.
inline void set_outputs(BenchCase& c, const Backend& b,
                        std::vector<std::shared_ptr<Buffers>> outputs) {
  c.spoil_outputs = [&b, outputs] {
    for (const auto& output : outputs) b.memory.fill({}, std::nan(""), (*output)[0]);
  };
  for (Contestant& contestant : c.contestants) {
    if (contestant.yardstick) continue;
    contestant.outputs = [&b, outputs] {
      Outputs read;
      for (const auto& output : outputs) read.push_back(to_host(b, (*output)[0]));
      return read;
    };
  }
}

/// What one variant keeps between its runs.
struct VariantScratch {
  Buffer workspace;
  std::vector<Buffer> prepared;
};

/// `weights` may be null for slots that prepare nothing. arguments(copy, workspace, weights) gives
/// what a variant runs on, and keeps the operands alive.
template <class P, class Args, class Arguments>
void add_variants(BenchCase& c, const CaseOptions& o, const VariantSlot<P, Args>& slot, const P& p,
                  const std::shared_ptr<Buffers>& weights, const Arguments& arguments) {
  std::vector<const Variant<P, Args>*> able;
  for (const auto& variant : slot.all()) {
    if (variant.supports(p)) able.push_back(&variant);
  }
  if (able.empty()) return;
  const std::string chosen = slot.choose(p).name;
  for (const auto* variant : able) {
    if (!o.wants_variant(variant->name, variant->name == chosen)) continue;
    try {
      const auto scratch = std::make_shared<VariantScratch>(
          VariantScratch{Buffer(o.b, DType::u8, variant->workspace_size(p)), {}});
      const std::int64_t prepared_size = variant->prepared_size(p);
      for (int copy = 0; prepared_size > 0 && copy < c.copies; ++copy) {
        scratch->prepared.emplace_back(o.b, DType::u8, prepared_size);
        variant->prepare({}, p, (*weights)[copy], scratch->prepared.back());
      }
      Contestant contestant{.name = variant->name,
                            .is_chosen = variant->name == chosen,
                            .rounds_more = variant->on_request};
      contestant.run = [variant = *variant, p, scratch, weights, arguments](int copy) {
        ConstView w;
        if (!scratch->prepared.empty()) {
          w = scratch->prepared[static_cast<std::size_t>(copy)];
        } else if (weights) {
          w = (*weights)[copy];
        }
        variant.run({}, p, arguments(copy, scratch->workspace, w));
      };
      c.contestants.push_back(std::move(contestant));
    } catch (const Error& error) {
      std::fprintf(stderr, "tlbench: %s %s passed over: %s\n", slot.name(), variant->name,
                   error.what());
    }
  }
}

/// What a yardstick can do of the case. `keep` holds the operands that it reads.
template <class Keep>
void add_runs(BenchCase& c, const CaseOptions& o, const Yardstick& yardstick, YardstickRuns runs,
              const Keep& keep) {
  for (auto& owned : runs) {
    const std::shared_ptr<YardstickRun> run = std::move(owned);
    if (!o.wants_yardstick(run->name())) continue;
    Contestant contestant{.name = run->name(), .yardstick = &yardstick};
    contestant.run = [run, keep](int copy) { run->run(copy); };
    contestant.outputs = [run] { return Outputs{run->output()}; };
    c.contestants.push_back(std::move(contestant));
  }
}

inline std::shared_ptr<Buffers> operand(const CaseOptions& o, const BenchCase& c, DType dtype,
                                        std::int64_t size) {
  return std::make_shared<Buffers>(o.b, dtype, size, c.copies);
}

}  // namespace tl
