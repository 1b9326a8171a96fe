#include "engine/captured_step.h"

#include <set>
#include <utility>

#include "engine/storage.h"
#include "kernels/sync_launches.h"

namespace tl {

/// What a capture has to remember beside the graph.
struct CaptureLog {
  Device device;
  Stream stream_before;  ///< that was current when it began
  std::vector<std::function<void()>> before = {}, after = {};
  std::set<std::weak_ptr<Storage>, std::owner_less<>> written = {};
};

namespace {

thread_local CaptureLog* current_log = nullptr;

/// Between begin and end this thread's work on the device is captured.
class Capture {
 public:
  Capture(Device device, const std::shared_ptr<MemoryPool>& pool)
      : log_{device, current_stream(device)},
        stream_(device),
        on_stream_(stream_),
        in_pool_(device, pool) {
    check(!current_log, "captured step: begun within another one");
    backend(device).streams.begin_capture(stream_.get());
    current_log = &log_;
  }
  ~Capture() {
    if (!current_log) return;
    current_log = nullptr;
    try {
      Graph unfinished;
      backend(log_.device).streams.end_capture(stream_.get(), &unfinished);
      backend(log_.device).streams.destroy_graph(unfinished);
    } catch (const Error&) {  // the first error is the one that is told
    }
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  CaptureLog end(Graph* graph) {
    current_log = nullptr;
    backend(log_.device).streams.end_capture(stream_.get(), graph);
    return std::move(log_);
  }

 private:
  CaptureLog log_;
  WorkStream stream_;
  StreamScope on_stream_;
  PoolScope in_pool_;
};

}  // namespace

void host_part(std::function<void()> f) {
  if (current_log) {
    current_log->before.push_back(std::move(f));
  } else {
    f();
  }
}

void host_part_after(std::function<void()> f) {
  if (current_log) {
    current_log->after.push_back(std::move(f));
  } else {
    f();
  }
}

bool is_capturing() { return current_log != nullptr; }

OutsideCapture::OutsideCapture() : log_(std::exchange(current_log, nullptr)) {
  if (!log_) return;
  on_stream_.emplace(log_->device, log_->stream_before);
  in_pool_.emplace(log_->device, nullptr);
}

OutsideCapture::~OutsideCapture() { current_log = log_; }

void log_write(const std::shared_ptr<Storage>& storage) {
  if (current_log) current_log->written.insert(storage);
}

bool CapturedStep::is_possible(Device device) {
  return static_cast<bool>(backend(device).streams.begin_capture) && !sync_launches;
}

CapturedStep::CapturedStep(Device device, std::shared_ptr<MemoryPool> pool)
    : device_(device), pool_(pool ? std::move(pool) : std::make_shared<MemoryPool>(device)) {}

CapturedStep::~CapturedStep() {
  if (!is_captured()) return;
  try {
    backend(device_).streams.synchronize(last_stream_);
    backend(device_).streams.destroy_graph(graph_);
  } catch (const Error&) {  // whoever waited for a result has been told
  }
}

void CapturedStep::run(const std::function<void()>& work) {
  if (!is_possible(device_) || !is_warm_) {
    work();
    is_warm_ = true;
    return;
  }
  if (!is_captured()) capture(work);
  replay();
}

void CapturedStep::capture(const std::function<void()>& work) {
  // The first run's memory: from now on the pool has as much.
  release_cached_memory(memory_space(device_));
  CaptureLog log;
  {
    Capture capture(device_, pool_);
    work();
    log = capture.end(&graph_);
  }
  before_ = std::move(log.before);
  after_ = std::move(log.after);
  // What the work made and gave up is nobody's to look at.
  for (const std::weak_ptr<Storage>& storage : log.written)
    if (!storage.expired()) written_.push_back(storage);
}

void CapturedStep::replay() {
  for (const auto& f : before_) f();
  last_stream_ = current_stream(device_);
  backend(device_).streams.replay(last_stream_, graph_);
  for (const std::weak_ptr<Storage>& written : written_)
    if (const auto storage = written.lock()) storage->bump_version();
  for (const auto& f : after_) f();
}

}  // namespace tl
