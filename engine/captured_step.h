// CapturedStep: work that is issued again and again on the same tensors, as a whole. A GPU gets
// through a small kernel faster than the host can issue the next one; captured work is issued in
// one call.
//
//   CapturedStep step(device);
//   for (...) {
//     x.copy_from(next_pictures);              always the same x
//     step.run([&] { loss = train(x); });      eager, captured, replayed, replayed, ...
//     loss.item();
//   }
//
// What changes from run to run must not be in the captured work, which has the numbers and
// addresses of its capture. It lies in device memory, and a host_part() writes it before each run:
// the optimizers' learning rate and step, dropout's random numbers. A replay equals an eager run,
// bit for bit. It bumps the versions of the tensors that the work writes, and repeats what the host
// keeps beside them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/allocator.h"
#include "engine/stream.h"

namespace tl {

class Storage;
struct CaptureLog;

/// What a step does on the host: runs f now; in work that is being captured f runs before each
/// replay instead, in the order of these calls. f must not depend on what the step itself computes,
/// and what it refers to must live as long as the captured work.
void host_part(std::function<void()> f);
/// The same, after each replay.
void host_part_after(std::function<void()> f);

/// Whether this thread is capturing work.
bool is_capturing();

/// While it lives, nothing is captured: tensors are made where they would be made without a
/// capture. What a host_part() writes must be, or captured work may have used its memory before.
class OutsideCapture {
 public:
  OutsideCapture();
  ~OutsideCapture();
  OutsideCapture(const OutsideCapture&) = delete;
  OutsideCapture& operator=(const OutsideCapture&) = delete;

 private:
  CaptureLog* log_;
  std::optional<StreamScope> on_stream_;
  std::optional<PoolScope> in_pool_;
};

/// For whoever writes to `storage`: a replay will write it again.
void log_write(const std::shared_ptr<Storage>& storage);

class CapturedStep {
 public:
  /// Works that never run at the same time can share a pool of memory. Without one it is given its
  /// own.
  explicit CapturedStep(Device device, std::shared_ptr<MemoryPool> pool = nullptr);
  ~CapturedStep();
  CapturedStep(const CapturedStep&) = delete;
  CapturedStep& operator=(const CapturedStep&) = delete;

  /// Does `work` on the current stream. The first time as it stands, so that all that is made once
  /// is made; the second time it is captured, which runs nothing, and replayed; from then on it is
  /// replayed and `work` is not looked at. Where the device cannot capture, and while every launch
  /// is waited for (TL_CUDA_SYNC, a profile), it always runs as it stands. Work that throws while
  /// it is captured leaves nothing behind. Tensors that are made in it and outlive it are its
  /// results: the next run overwrites them.
  void run(const std::function<void()>& work);

  bool is_captured() const { return graph_.handle != nullptr; }

  /// Whether run() captures on this device; elsewhere nobody need copy what changes to where the
  /// work expects it.
  static bool is_possible(Device device);

 private:
  void capture(const std::function<void()>& work);
  void replay();

  Device device_;
  std::shared_ptr<MemoryPool> pool_;
  bool is_warm_ = false;
  Graph graph_;
  Stream last_stream_;
  std::vector<std::function<void()>> before_, after_;
  std::vector<std::weak_ptr<Storage>> written_;
};

}  // namespace tl
