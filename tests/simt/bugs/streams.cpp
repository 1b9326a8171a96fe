// Streams: what no event orders, what nobody has waited for, and memory that goes too early.
#include "tests/simt/bugs/streams.h"

namespace tl::simt::bugs {
namespace {

// ---- between streams ----------------------------------------------------------------------------

template <bool mended>
bool copies_of_other_stream() {
  const Array<float> x(kElements), y(kElements);
  const BugEvent set;
  const BugStream producer, consumer;
  producer.set(1, x);
  producer.record(set);
  if (mended) consumer.wait(set);
  consumer.copy(x, y);
  consumer.synchronize();
  return all_are(1, y);
}

template <bool mended>
bool records_after_producer() {
  const Array<float> x(kElements), y(kElements);
  const BugEvent set;
  const BugStream producer, consumer;
  if (!mended) producer.record(set);
  producer.set(1, x);
  if (mended) producer.record(set);
  consumer.wait(set);
  consumer.copy(x, y);
  consumer.synchronize();
  return all_are(1, y);
}

template <bool mended>
bool waits_before_consumer() {
  const Array<float> x(kElements), y(kElements);
  const BugEvent set;
  const BugStream producer, consumer;
  producer.set(1, x);
  producer.record(set);
  if (mended) consumer.wait(set);
  consumer.copy(x, y);
  if (!mended) consumer.wait(set);
  // The wait itself brings the producer to its end, but too late.
  consumer.synchronize();
  return all_are(1, y);
}

template <bool mended>
bool waits_for_its_event() {
  const Array<float> x(kElements), z(kElements), y(kElements);
  const BugEvent x_set, z_set;
  const BugStream first, second, consumer;
  first.set(1, x);
  first.record(x_set);
  second.set(2, z);
  second.record(z_set);
  consumer.wait(mended ? z_set : x_set);
  consumer.copy(z, y);
  consumer.synchronize();
  return all_are(2, y);
}

/// A loader's stream fills the one staging buffer again before the step has read it.
template <bool mended>
bool fills_staging_when_read() {
  const Array<float> staging(kElements), first(kElements), second(kElements);
  const Pinned one(1), two(2);
  const BugEvent filled, read;
  const BugStream loader, step;
  loader.upload(one, staging);
  loader.record(filled);
  step.wait(filled);
  step.copy(staging, first);
  step.record(read);
  if (mended) loader.wait(read);
  loader.upload(two, staging);
  loader.record(filled);
  step.wait(filled);
  step.copy(staging, second);
  step.synchronize();
  return all_are(1, first) && all_are(2, second);
}

// ---- between device and host --------------------------------------------------------------------

template <bool mended>
bool host_reads_after_wait() {
  const Array<float> x(kElements);
  const Pinned out(0);
  const BugStream s;
  s.set(1, x);
  s.download(x, out);
  if (mended) s.synchronize();
  return out.is(1);
}

template <bool mended>
bool host_waits_for_its_stream() {
  const Array<float> x(kElements);
  const Pinned out(0);
  const BugStream s, other;
  s.set(1, x);
  s.download(x, out);
  (mended ? s : other).synchronize();
  return out.is(1);
}

template <bool mended>
bool host_waits_for_its_event() {
  const Array<float> x(kElements);
  const Pinned out(0);
  const BugEvent done;
  const BugStream s;
  s.set(1, x);
  if (!mended) s.record(done);
  s.download(x, out);
  if (mended) s.record(done);
  check_call(cudaEventSynchronize(done), "synchronize");
  return out.is(1);
}

template <bool mended>
bool overwrites_source_when_copied() {
  const Array<float> x(kElements);
  Pinned in(1);
  const BugStream s;
  s.upload(in, x);
  if (mended) s.synchronize();
  in.set(2);
  s.synchronize();
  return all_are(1, x);
}

template <bool mended>
bool frees_source_when_copied() {
  const Array<float> x(kElements);
  const BugStream s;
  {
    const Pinned in(1);
    s.upload(in, x);
    if (mended) s.synchronize();
  }
  s.synchronize();
  return all_are(1, x);
}

/// Host memory that is not pinned is not copied aside either.
template <bool mended>
bool frees_vector_when_copied() {
  const Array<float> x(kElements);
  const BugStream s;
  {
    const std::vector<float> in(kElements, 1.0f);
    s.upload(in.data(), x);
    if (mended) s.synchronize();
  }
  s.synchronize();
  return all_are(1, x);
}

// ---- blocks of device memory --------------------------------------------------------------------

template <bool mended>
bool frees_when_read() {
  const Array<float> y(kElements);
  const BugEvent read;
  const BugStream user, other;
  void* block = nullptr;
  check_call(cudaMalloc(&block, kBytes), "block");
  const auto x = static_cast<float*>(block);
  launch<set>(1, kElements, 0, user, 1.0f, x);
  user.synchronize();
  user.copy(x, y.write());
  user.record(read);
  if (mended) other.wait(read);
  check_call(cudaFreeAsync(block, other), "free");
  other.synchronize();
  user.synchronize();
  return all_are(1, y);
}

/// An allocator hands the block on when the host is done with it, not when its stream is.
template <bool mended>
bool hands_on_when_read() {
  const Array<float> block(kElements), y(kElements);
  const BugEvent read;
  const BugStream user, other;
  user.set(1, block);
  user.copy(block, y);
  user.record(read);
  if (mended) other.wait(read);
  other.set(2, block);
  other.synchronize();
  user.synchronize();
  return all_are(1, y) && all_are(2, block);
}

}  // namespace

std::vector<Bug> stream_bugs() {
  constexpr const char *kUnwritten = "reads global memory that nobody has written",
                       *kGone = "its pinned memory was freed before it ran",
                       *kFreed = "in one that was freed", *kUseAfterFree = "heap-use-after-free";
  return {
      {"event_missing",
       "a stream reads what another writes, no event between them",
       copies_of_other_stream<false>,
       {kWrong, kWrong, kUnwritten},
       copies_of_other_stream<true>},
      {"event_recorded_too_early",
       "before the launch whose end it was to mark",
       records_after_producer<false>,
       {kWrong, kWrong, kUnwritten},
       records_after_producer<true>},
      {"event_waited_for_too_late",
       "the wait stands behind the launch that needs it",
       waits_before_consumer<false>,
       {kWrong, kWrong, kUnwritten},
       waits_before_consumer<true>},
      {"event_of_another",
       "the wait is for the event of another stream",
       waits_for_its_event<false>,
       {kWrong, kWrong, kUnwritten},
       waits_for_its_event<true>},
      {"staging_filled_too_early",
       "the next batch is copied over the one that a step has yet to read",
       fills_staging_when_read<false>,
       {kWrong, nullptr, kWrong},
       fills_staging_when_read<true>},
      {"host_does_not_wait",
       "a result is read that a copy has yet to bring",
       host_reads_after_wait<false>,
       {kWrong, kWrong, kWrong},
       host_reads_after_wait<true>},
      {"host_waits_for_another_stream",
       "than the one whose result it reads",
       host_waits_for_its_stream<false>,
       {kWrong, kWrong, kWrong},
       host_waits_for_its_stream<true>},
      {"host_waits_for_half",
       "for an event between the kernel and the copy of its result",
       host_waits_for_its_event<false>,
       {kWrong, kWrong, kWrong},
       host_waits_for_its_event<true>},
      {"source_overwritten",
       "pinned memory gets new values before its copy has run",
       overwrites_source_when_copied<false>,
       {kWrong, kWrong, kWrong},
       overwrites_source_when_copied<true>},
      {"source_freed",
       "pinned memory is freed before its copy has run",
       frees_source_when_copied<false>,
       {kGone, kGone, kGone},
       frees_source_when_copied<true>},
      {"source_out_of_scope",
       "a vector ends before the copy from it has run",
       frees_vector_when_copied<false>,
       {nullptr, kUseAfterFree, nullptr},
       frees_vector_when_copied<true>},
      {"freed_on_another_stream",
       "a block is freed in the order of a stream that does not use it",
       frees_when_read<false>,
       {kWrong, kUseAfterFree, kFreed},
       frees_when_read<true>},
      {"block_handed_on",
       "another stream gets a block that queued work still reads",
       hands_on_when_read<false>,
       {kWrong, kWrong, kWrong},
       hands_on_when_read<true>},
  };
}

}  // namespace tl::simt::bugs
