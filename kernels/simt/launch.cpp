#include "kernels/simt/launch.h"

#include <string>

#include "kernels/error.h"
#include "kernels/simt/builtins.h"
#include "kernels/simt/race.h"
#include "kernels/simt/runtime.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/sync_launches.h"

namespace tl::simt {
namespace {

// Limits of compute capability 8.0 to 9.0 (CUDA C++ Programming Guide, "Compute Capabilities");
// 227 KB is what 9.0 has.
constexpr unsigned kMaxGridX = 0x7fffffff, kMaxGridYZ = 65535, kMaxBlockZ = 64;
constexpr std::size_t kMaxSharedBytes = 227 << 10;

std::string to_string(const dim3& v) { return concat("(", v.x, ",", v.y, ",", v.z, ")"); }

void check_configuration(const Launch& launch) {
  const dim3 g = launch.grid, b = launch.block;
  check(g.x >= 1 && g.x <= kMaxGridX && g.y >= 1 && g.y <= kMaxGridYZ && g.z >= 1 &&
            g.z <= kMaxGridYZ,
        launch.kernel, ": illegal grid ", to_string(g), "; each from (1,1,1) to (", kMaxGridX, ",",
        kMaxGridYZ, ",", kMaxGridYZ, ")");
  const std::uint64_t threads = std::uint64_t{b.x} * b.y * b.z;
  check(b.x <= Scheduler::kMaxThreads && b.y <= Scheduler::kMaxThreads && b.z <= kMaxBlockZ &&
            threads >= 1 && threads <= Scheduler::kMaxThreads,
        launch.kernel, ": illegal block ", to_string(b), "; 1 to ", Scheduler::kMaxThreads,
        " threads, z up to ", kMaxBlockZ);
  check(launch.shared_bytes <= kMaxSharedBytes, launch.kernel, ": ", launch.shared_bytes,
        " bytes of dynamic shared memory; at most ", kMaxSharedBytes);
}

/// Leaves no trace of the launch behind, whether it ended well or not.
struct EndLaunch {
  ~EndLaunch() {
    race::end_launch();
    detail::running = nullptr;
    detail::running_dynamic_shared_memory = nullptr;
  }
};

/// Runs all blocks of the launch, one after the other, in the order that thread_order() gives.
/// Built-in variables, static shared memory and the fibers exist once; the queues see to it that
/// one launch runs at a time, with all device memory open.
void run_grid(const Launch& launch) {
  static Scheduler scheduler;
  Schedule schedule(thread_order());
  const DynamicSharedMemory shared(launch.shared_bytes);
  const EndLaunch end;
  detail::running = &scheduler;
  detail::running_dynamic_shared_memory = shared.data();
  gridDim = launch.grid;
  blockDim = launch.block;

  race::begin_launch(launch);
  scheduler.start(launch, schedule);
  const std::uint64_t in_row = gridDim.x, in_plane = in_row * gridDim.y;
  const std::uint64_t blocks = in_plane * gridDim.z;
  schedule.start_grid(blocks);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t block = schedule.block_at(i);
    blockIdx = {static_cast<unsigned>(block % in_row),
                static_cast<unsigned>(block % in_plane / in_row),
                static_cast<unsigned>(block / in_plane)};
    shared.poison();
    poison_static_shared_memory();
    scheduler.run_block();
  }
}

}  // namespace

void issue(const Launch& launch, cudaStream_t stream) {
  check_configuration(launch);
  const cudaError_t error = issue(stream, {[launch] { run_grid(launch); }});
  check(error == cudaSuccess, launch.kernel, ": ", cudaGetErrorString(error));
  if (!sync_launches) return;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  cudaStreamIsCapturing(stream, &status);
  if (status == cudaStreamCaptureStatusNone) cudaStreamSynchronize(stream);
}

}  // namespace tl::simt
