// Captured work: what is fixed when it is captured, and what cannot be captured.
#include "tests/simt/bugs/streams.h"

namespace tl::simt::bugs {
namespace {

__global__ void scale(float rate, const float* x, float* y) {
  y[threadIdx.x] = rate * x[threadIdx.x];
}
__global__ void scale_by(const float* rate, const float* x, float* y) {
  y[threadIdx.x] = *rate * x[threadIdx.x];
}

/// The learning rate is an argument, so it stays what it was.
template <bool mended>
bool follows_rate() {
  const Array<float> x(std::vector<float>(kElements, 1.0f)), y(kElements), rates(kElements);
  const BugStream s;
  float rate = 1;
  s.set(rate, rates);
  const Captured step(s, [&] {
    if constexpr (mended) {
      launch<scale_by>(1, kElements, 0, s, rates.read(), x.read(), y.write());
    } else {
      launch<scale>(1, kElements, 0, s, rate, x.read(), y.write());
    }
  });
  rate = 0.5f;
  s.set(rate, rates);
  step.replay(s);
  s.synchronize();
  return all_are(rate, y);
}

/// The block goes to somebody else between two replays.
template <bool mended>
bool keeps_block() {
  const Array<float> y(kElements);
  const BugStream s;
  void* block = nullptr;
  check_call(cudaMalloc(&block, kBytes), "block");
  const auto x = static_cast<float*>(block);
  launch<set>(1, kElements, 0, s, 1.0f, x);
  const Captured step(s, [&] { s.copy(x, y.write()); });
  step.replay(s);
  if (!mended) check_call(cudaFree(block), "free");
  const Array<float> other(std::vector<float>(kElements, 7.0f));
  step.replay(s);
  s.synchronize();
  const bool right = all_are(1, y);
  if (mended) check_call(cudaFree(block), "free");
  return right;
}

template <bool mended>
bool waits_outside() {
  const Array<float> x(kElements);
  const BugStream s;
  const Captured step(s, [&] {
    s.set(1, x);
    if (!mended) s.synchronize();
  });
  step.replay(s);
  s.synchronize();
  return all_are(1, x);
}

template <bool mended>
bool copies_from_pinned() {
  const Array<float> x(kElements);
  const BugStream s;
  const Pinned pinned(1);
  const std::vector<float> host(kElements, 1.0f);
  const Captured step(s, [&] { s.upload(mended ? pinned : host.data(), x); });
  step.replay(s);
  s.synchronize();
  return all_are(1, x);
}

template <bool mended>
bool allocates_before() {
  const Array<float> y(kElements);
  const BugStream s;
  void* block = nullptr;
  if (mended) check_call(cudaMalloc(&block, kBytes), "scratch");
  const Captured step(s, [&] {
    if (!mended) check_call(cudaMalloc(&block, kBytes), "scratch");
    launch<set>(1, kElements, 0, s, 1.0f, static_cast<float*>(block));
    s.copy(static_cast<float*>(block), y.write());
  });
  step.replay(s);
  s.synchronize();
  check_call(cudaFree(block), "free");
  return all_are(1, y);
}

/// A graph that has only been captured has computed nothing.
template <bool mended>
bool replays_first() {
  const Array<float> x(kElements);
  const BugStream s;
  const Captured step(s, [&] { s.set(1, x); });
  if (mended) step.replay(s);
  s.synchronize();
  return all_are(1, x);
}

/// One launch of the step goes to another stream, so it runs at once, and once.
template <bool mended>
bool captures_all_of_step() {
  const Array<float> x(kElements), z(kElements), y(kElements);
  Pinned in(1);
  const BugStream s, other;
  const BugStream& middle = mended ? s : other;
  const Captured step(
      s,
      [&] {
        s.upload(in, x);
        middle.copy(x, z);
        s.copy(z, y);
      },
      cudaStreamCaptureModeRelaxed);
  for (const float value : {1.0f, 2.0f}) {
    in.set(value);
    step.replay(s);
    s.synchronize();
    if (!all_are(value, y)) return false;
  }
  return true;
}

/// The loss of a step is read when the next replay has been issued, from the same place.
template <bool mended>
bool reads_before_next_replay() {
  const Array<float> x(kElements), y(kElements);
  const Pinned loss(0);
  const BugEvent done;
  const BugStream s;
  const Captured step(s, [&] {
    s.copy(x, y);
    s.download(y, loss);
  });
  s.set(1, x);
  step.replay(s);
  s.record(done);
  if (mended) check_call(cudaEventSynchronize(done), "wait");
  const bool early = mended && loss.is(1);
  s.set(2, x);
  step.replay(s);
  check_call(cudaEventSynchronize(done), "wait");
  const bool right = mended ? early : loss.is(1);
  s.synchronize();
  return right && loss.is(2);
}

template <bool mended>
bool destroys_at_end() {
  const Array<float> x(kElements);
  const BugStream s;
  const Captured step(s, [&] { s.set(1, x); });
  if (!mended) step.destroy();
  step.replay(s);
  s.synchronize();
  return all_are(1, x);
}

}  // namespace

std::vector<Bug> capture_bugs() {
  constexpr const char *kRefused = "operation not permitted when stream is capturing",
                       *kFreed = "in one that was freed", *kUseAfterFree = "heap-use-after-free",
                       *kUnwritten = "reads global memory that nobody has written",
                       *kNoGraph = "replay: invalid argument";
  return {
      {"captured_rate",
       "a learning rate that is an argument of a captured launch",
       follows_rate<false>,
       {kWrong, kWrong, kWrong},
       follows_rate<true>},
      {"captured_block_freed",
       "the address in a captured launch is somebody else's by now",
       keeps_block<false>,
       {kWrong, kUseAfterFree, kFreed},
       keeps_block<true>},
      {"captured_wait",
       "the host waits for a stream that captures",
       waits_outside<false>,
       {kRefused, kRefused, kRefused},
       waits_outside<true>},
      {"captured_host_copy",
       "a copy from memory that is not pinned",
       copies_from_pinned<false>,
       {kRefused, kRefused, kRefused},
       copies_from_pinned<true>},
      {"captured_allocation",
       "memory is allocated inside the step",
       allocates_before<false>,
       {kRefused, kRefused, kRefused},
       allocates_before<true>},
      {"captured_taken_for_done",
       "a result is read that was captured and never replayed",
       replays_first<false>,
       {kWrong, kWrong, kWrong},
       replays_first<true>},
      {"captured_in_part",
       "one launch of the step goes to another stream",
       captures_all_of_step<false>,
       {kWrong, kWrong, kUnwritten},
       captures_all_of_step<true>},
      {"replayed_too_early",
       "the result of a replay is read when the next one may have overwritten it",
       reads_before_next_replay<false>,
       {kWrong, nullptr, kWrong},
       reads_before_next_replay<true>},
      {"graph_destroyed",
       "before it is replayed",
       destroys_at_end<false>,
       {kNoGraph, kNoGraph, kNoGraph},
       destroys_at_end<true>},
  };
}

}  // namespace tl::simt::bugs
