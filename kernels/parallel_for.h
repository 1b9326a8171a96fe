// parallel_for: the one way in which CPU code uses more than one thread.
#pragma once

#include <cstdint>

namespace tl {

/// Runs body(chunk, worker) once for every chunk in [0, chunks), on up to thread_count() threads,
/// and returns when all are done. `worker`, in [0, thread_count() of the caller), is the thread
/// that runs it, to pick scratch with. Results must depend on `chunk` only: who takes a chunk, and
/// when, varies. A call from inside a body, or while another thread is in parallel_for, runs in the
/// calling thread alone, as worker 0. The first exception of a body is thrown again here.
template <class Body>
void parallel_for(std::int64_t chunks, const Body& body);

/// Threads that parallel_for uses: 1 inside a body that runs beside others. At the start: what
/// affinity and the cgroup quota grant.
int thread_count();

/// Changes that (at least 1); where the system grants fewer threads, to what it grants. Not to be
/// called while a parallel_for runs.
void set_thread_count(int threads);

namespace detail {
void run_parallel(std::int64_t chunks, void (*call)(const void*, std::int64_t, int),
                  const void* body);
}

template <class Body>
void parallel_for(std::int64_t chunks, const Body& body) {
  detail::run_parallel(
      chunks,
      [](const void* b, std::int64_t chunk, int worker) {
        (*static_cast<const Body*>(b))(chunk, worker);
      },
      &body);
}

}  // namespace tl
