// Plan: a graph with the engine of cuDNN that computes it, chosen once per problem and GPU.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "kernels/cuda/vendor/cudnn_graph.h"
#include "kernels/stream.h"

namespace tl::vendor {

/// What engines may do to the numbers. Engines that give other bits from run to run, round f32 to
/// 16 bits, or transform (FFT, Winograd) are never taken.
enum class Precision {
  exact,  ///< f32 products stay f32; bf16 ones are exact on tensor cores too
  tf32,   ///< f32 factors may be rounded to TF32
};

class Plan {
 public:
  explicit Plan(Descriptor execution_plan);

  std::int64_t workspace_bytes() const { return workspace_bytes_; }

  /// Queues it. One pointer per role of the graph; those of scalars point to a float on the host.
  void run(Stream stream, std::initializer_list<std::pair<Role, const void*>> buffers,
           void* workspace) const;

 private:
  Descriptor execution_plan_;
  std::int64_t workspace_bytes_;
};

/// A problem as numbers: what plans are kept by. The first is the kind of graph.
using PlanKey = std::vector<std::int64_t>;

/// The first of cuDNN's own order (heuristic A, then its fallbacks) that is precise enough and
/// needs no more than 512 MiB; nullptr where there is none. `graph` is called where the key is new.
template <class MakeGraph>
const Plan* find_plan(const PlanKey& key, bool is_bf16, Precision precision,
                      const MakeGraph& graph);

namespace detail {
/// The entry of the current GPU, if there is one.
bool find_known_plan(const PlanKey& key, const Plan** plan);
const Plan* make_plan(const PlanKey& key, const Graph& graph, bool is_bf16, Precision precision);
}  // namespace detail

template <class MakeGraph>
const Plan* find_plan(const PlanKey& key, bool is_bf16, Precision precision,
                      const MakeGraph& graph) {
  const Plan* plan = nullptr;
  if (detail::find_known_plan(key, &plan)) return plan;
  return detail::make_plan(key, graph(), is_bf16, precision);
}

}  // namespace tl::vendor
