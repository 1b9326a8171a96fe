// A StepState in the memory of a backend.
#pragma once

#include <cstring>

#include "kernels/step_state.h"
#include "tests/support/device_buffer.h"

namespace tl::test {

class StepStateBuffer {
 public:
  StepStateBuffer(const Backend& backend, const StepState& state)
      : buffer_(backend, DType::u8, static_cast<std::int64_t>(sizeof state)) {
    backend.memory.copy_from_host({}, {&state, DType::u8, static_cast<std::int64_t>(sizeof state)},
                                  buffer_);
  }
  const StepState* data() const { return static_cast<const StepState*>(buffer_.view().data); }

 private:
  DeviceBuffer buffer_;
};

}  // namespace tl::test
