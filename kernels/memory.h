// Contract of memory: how a backend's buffers come, go, and are moved. `ref` and `cpu` share host
// memory; a device with its own memory also copies to and from the host.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct MemoryKernels {
  /// *data = `bytes` bytes, aligned to 64; throws when the device has no such block.
  Slot<void(std::int64_t bytes, void** data)> allocate{"memory.allocate"};
  /// Gives back a block; `bytes` as it was allocated.
  Slot<void(std::int64_t bytes, void* data)> release{"memory.release"};

  /// Equal size and dtype, no overlap. `copy` stays on the device; the other two have finished when
  /// they return.
  Slot<void(Stream, ConstView x, View y)> copy{"memory.copy"};
  Slot<void(Stream, ConstView host, View device)> copy_from_host{"memory.copy_from_host"};
  Slot<void(Stream, ConstView device, View host)> copy_to_host{"memory.copy_to_host"};

  /// Every element = value, rounded to the dtype. Throws when an integer dtype does not hold it.
  Slot<void(Stream, double value, View y)> fill{"memory.fill"};

  /// y[i] = x[i], converted; equal size, no overlap. To a float dtype: rounded. To an integer
  /// dtype: the fraction is dropped, a number beyond its range becomes the nearest that it holds,
  /// and NaN becomes 0.
  Slot<void(Stream, ConstView x, View y)> cast{"memory.cast"};
};

}  // namespace tl
