// memory.cast of kernels/memory.h: one conversion per element, between all pairs of dtypes.
#include "kernels/convert.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/map.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <class To>
struct Converted {
  template <class From>
  __device__ To operator()(From x) const {
    return saturated_cast<To>(x);
  }
};

void cast(Stream stream, ConstView x, View y) {
  check(x.size == y.size, "memory.cast: needs equal size, got ", x.size, " and ", y.size);
  with_type(x.dtype, [&]<class From>(From) {
    with_type(y.dtype, [&]<class To>(To) {
      map(stream, Converted<To>{}, y.size, y.as<To>(), x.as<From>());
    });
  });
}

}  // namespace

void install_cast(Backend& b) { b.memory.cast = cast; }

}  // namespace tl::TL_DEVICE_NAMESPACE
