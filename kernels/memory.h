// Contract of memory: how a backend's buffers come, go, and are moved. `ref` and `cpu` share host
// memory; a device with its own memory also copies to and from the host.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct MemoryKernels {
  /// *data = `bytes` bytes, aligned to 64; throws when the device has no such block. Also while a
  /// stream captures.
  Slot<void(std::int64_t bytes, void** data)> allocate{"memory.allocate"};
  /// Gives back a block when the work issued on the stream so far has finished; `bytes` as it was
  /// allocated. May wait for that. Not on a stream that captures.
  Slot<void(Stream, std::int64_t bytes, void* data)> release{"memory.release"};
  /// *free of *total bytes can still be allocated. On the host: of the machine.
  Slot<void(std::int64_t* free, std::int64_t* total)> available{"memory.available"};

  /// Pinned memory: host memory that the device reads and writes by itself.
  Slot<void(std::int64_t bytes, void** data)> allocate_pinned{"memory.allocate_pinned"};
  /// No work that uses it may be left.
  Slot<void(std::int64_t bytes, void* data)> release_pinned{"memory.release_pinned"};

  /// Equal size and dtype, no overlap. The first three are asynchronous: nobody may write x, nor
  /// read or write y, until they have finished on the stream. The last two have finished when they
  /// return, and cannot be captured.
  Slot<void(Stream, ConstView x, View y)> copy{"memory.copy"};
  Slot<void(Stream, ConstView pinned, View device)> copy_from_pinned{"memory.copy_from_pinned"};
  Slot<void(Stream, ConstView device, View pinned)> copy_to_pinned{"memory.copy_to_pinned"};
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
