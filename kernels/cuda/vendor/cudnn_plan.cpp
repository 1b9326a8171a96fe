#include "kernels/cuda/vendor/cudnn_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/cuda/vendor/call.h"

namespace tl::vendor {
namespace {

constexpr std::int64_t kMostWorkspace = std::int64_t{512} << 20;

struct DestroyHandle {
  void operator()(cudnnHandle_t handle) const { static_cast<void>(cudnnDestroy(handle)); }
};
using OwnedHandle = std::unique_ptr<cudnnContext, DestroyHandle>;

/// cuDNN's state for one GPU and stream; made at the first use there, never during a capture of a
/// graph if the work was run once before.
cudnnHandle_t handle_of(cudaStream_t stream) {
  static std::mutex mutex;
  static std::map<std::pair<int, cudaStream_t>, OwnedHandle> handles;
  const int device = current_device();
  const std::lock_guard lock(mutex);
  OwnedHandle& handle = handles[{device, stream}];
  if (!handle) {
    cudnnHandle_t made = nullptr;
    check_cudnn(cudnnCreate(&made), "cudnnCreate");
    handle.reset(made);
    check_cudnn(cudnnSetStream(made, stream), "cudnnSetStream");
  }
  return handle.get();
}

/// Plans of all GPUs; nullptr: there is none for this problem.
struct Cache {
  std::mutex mutex;
  std::map<std::pair<int, PlanKey>, std::unique_ptr<Plan>> plans;
};

Cache& cache() {
  static Cache instance;
  return instance;
}

/// cuDNN's proposals for the graph, best first.
std::vector<Descriptor> proposals(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  std::vector<Descriptor> configurations;
  if (heuristic.try_finalize() != CUDNN_STATUS_SUCCESS) return configurations;
  const std::int64_t count =
      heuristic.count(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR);
  for (std::int64_t i = 0; i < count; ++i)
    configurations.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  if (count > 0) heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, configurations);
  return configurations;
}

bool is_precise(const Descriptor& configuration, bool is_bf16, Precision precision) {
  std::vector<Descriptor> engine;
  engine.emplace_back(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  const std::int64_t count =
      engine.front().get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                         static_cast<std::int64_t>(notes.size()), notes.data());
  return std::none_of(notes.begin(), notes.begin() + count, [&](cudnnBackendNumericalNote_t note) {
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        return !is_bf16 && precision == Precision::exact;
      case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP:
        return false;
      default:
        return true;
    }
  });
}

std::unique_ptr<Plan> first_that_works(const Graph& graph, bool is_bf16, Precision precision) {
  const cudnnHandle_t handle = handle_of(nullptr);
  Descriptor operations(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  operations.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle)
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, graph.operations());
  if (operations.try_finalize() != CUDNN_STATUS_SUCCESS) return nullptr;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& configuration : proposals(operations, mode)) {
      if (!is_precise(configuration, is_bf16, precision)) continue;
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle)
          .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
      if (plan.try_finalize() != CUDNN_STATUS_SUCCESS) continue;
      auto made = std::make_unique<Plan>(std::move(plan));
      if (made->workspace_bytes() <= kMostWorkspace) return made;
    }
  }
  return nullptr;
}

}  // namespace

Plan::Plan(Descriptor execution_plan)
    : execution_plan_(std::move(execution_plan)),
      workspace_bytes_(execution_plan_.get_int64(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)) {}

void Plan::run(Stream stream, std::initializer_list<std::pair<Role, const void*>> buffers,
               void* workspace) const {
  std::vector<std::int64_t> roles;
  std::vector<const void*> pointers;
  for (const auto& [role, pointer] : buffers) {
    if (!pointer) continue;  // a role that this graph does not have
    roles.push_back(static_cast<std::int64_t>(role));
    pointers.push_back(pointer);
  }
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, roles)
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
           static_cast<std::int64_t>(pointers.size()), pointers.data())
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace)
      .finalize();
  check_cudnn(cudnnBackendExecute(handle_of(native(stream)), execution_plan_.raw(), pack.raw()),
              "execution of a plan");
}

bool detail::find_known_plan(const PlanKey& key, const Plan** plan) {
  const int device = current_device();
  const std::lock_guard lock(cache().mutex);
  const auto place = cache().plans.find({device, key});
  if (place == cache().plans.end()) return false;
  *plan = place->second.get();
  return true;
}

const Plan* detail::make_plan(const PlanKey& key, const Graph& graph, bool is_bf16,
                              Precision precision) {
  const int device = current_device();
  std::unique_ptr<Plan> made = first_that_works(graph, is_bf16, precision);
  const std::lock_guard lock(cache().mutex);
  return cache().plans.try_emplace({device, key}, std::move(made)).first->second.get();
}

}  // namespace tl::vendor
