// Host memory: what `ref` and `cpu` compute in. Blocks have exactly the size asked for, so that an
// address sanitizer sees the first byte past the end.
#include <algorithm>
#include <cstring>
#include <new>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "kernels/convert.h"
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

constexpr std::align_val_t kAlignment{64};

void allocate(std::int64_t bytes, void** data) {
  check(bytes >= 0, "memory.allocate: needs a size of 0 or more, got ", bytes);
  *data = ::operator new(static_cast<std::size_t>(bytes), kAlignment, std::nothrow);
  check(*data, "memory.allocate: no block of ", bytes, " bytes on the host");
}

void release(void* data) { ::operator delete(data, kAlignment); }

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
#ifdef __GLIBC__
  // Large blocks are mapped on their own, so that a released one gives its memory back to the
  // system. Left alone, glibc stops that once it has seen such blocks freed.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
  b.memory.allocate = allocate;
  b.memory.release = release;
  b.memory.copy = copy;
  b.memory.copy_from_host = copy;
  b.memory.copy_to_host = copy;
  b.memory.fill = fill;
  b.memory.cast = cast;
}

}  // namespace tl::ref
