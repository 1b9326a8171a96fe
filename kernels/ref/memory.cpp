// Host memory: what `ref` and `cpu` compute in. Small blocks are the C++ library's. Large ones are
// mapped on their own: the library may keep what it is given back, the system takes it at once.
// In builds with TL_EXACT_ALLOCATION all are the library's, of exactly the size asked for, so that
// an address sanitizer sees the first byte past the end.
#include <algorithm>
#include <cstring>
#include <new>

#if defined(__linux__) && !defined(TL_EXACT_ALLOCATION)
#define TL_MAPS_LARGE_BLOCKS
#include <sys/mman.h>
#endif

#include <unistd.h>

#include "kernels/convert.h"
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

constexpr std::align_val_t kAlignment{64};

#ifdef TL_MAPS_LARGE_BLOCKS
bool is_mapped(std::int64_t bytes) { return bytes >= 1 << 20; }

/// Null where the system has no such block. It takes memory where it is touched: the engine asks
/// for much more than it needs (engine/range_heap.h). Huge pages, where there are any: touching a
/// new block for the first time costs a page fault per page.
void* map(std::size_t bytes) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

void unmap(void* data, std::size_t bytes) { munmap(data, bytes); }
#else
bool is_mapped(std::int64_t) { return false; }
void* map(std::size_t) { return nullptr; }
void unmap(void*, std::size_t) {}
#endif

void allocate(std::int64_t bytes, void** data) {
  check(bytes >= 0, "memory.allocate: needs a size of 0 or more, got ", bytes);
  const auto size = static_cast<std::size_t>(bytes);
  *data = is_mapped(bytes) ? map(size) : ::operator new(size, kAlignment, std::nothrow);
  check(*data, "memory.allocate: no block of ", bytes, " bytes on the host");
}

void release(Stream, std::int64_t bytes, void* data) {
  if (is_mapped(bytes)) {
    unmap(data, static_cast<std::size_t>(bytes));
  } else {
    ::operator delete(data, kAlignment);
  }
}

/// What the system could give without swapping.
void available(std::int64_t* free, std::int64_t* total) {
  const std::int64_t page = sysconf(_SC_PAGESIZE);
  *free = page * sysconf(_SC_AVPHYS_PAGES);
  *total = page * sysconf(_SC_PHYS_PAGES);
}

void copy(Stream, ConstView x, View y) {
  check(x.dtype == y.dtype && x.size == y.size, "memory.copy: needs equal size and dtype, got ",
        x.size, " ", x.dtype, " and ", y.size, " ", y.dtype);
  if (x.size > 0) {  // memcpy must not see null, not even for 0 bytes
    std::memcpy(y.data, x.data, static_cast<std::size_t>(x.size) * size_of(x.dtype));
  }
}

void fill(Stream, double value, View y) {
  with_type(y.dtype,
            [&]<class T>(T) { std::fill_n(y.as<T>(), y.size, rounded<T>("memory.fill", value)); });
}

void cast(Stream, ConstView x_view, View y_view) {
  check(x_view.size == y_view.size, "memory.cast: needs equal size, got ", x_view.size, " and ",
        y_view.size);
  with_type(x_view.dtype, [&]<class X>(X) {
    with_type(y_view.dtype, [&]<class Y>(Y) {
      std::transform(x_view.as<X>(), x_view.as<X>() + x_view.size, y_view.as<Y>(),
                     saturated_cast<Y, X>);
    });
  });
}

}  // namespace

void install_memory(Backend& b) {
  b.memory.allocate = allocate;
  b.memory.release = release;
  b.memory.available = available;
  b.memory.allocate_pinned = allocate;
  b.memory.release_pinned = [](std::int64_t bytes, void* data) { release({}, bytes, data); };
  b.memory.copy = copy;
  b.memory.copy_from_pinned = copy;
  b.memory.copy_to_pinned = copy;
  b.memory.copy_from_host = copy;
  b.memory.copy_to_host = copy;
  b.memory.fill = fill;
  b.memory.cast = cast;
}

}  // namespace tl::ref
