// Stream: an ordered queue of work on one device.
#pragma once

namespace tl {

/// Kernels issued on one stream run in the order of their calls. On `ref` and `cpu` a call has done
/// its work when it returns and the handle is unused; on `cuda` it is the cudaStream_t.
struct Stream {
  void* handle = nullptr;
};

}  // namespace tl
