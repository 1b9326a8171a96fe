// A StepState in the memory of a backend.
#pragma once

#include "kernels/step_state.h"
#include "tests/support/device_buffer.h"

namespace tl::test {

class StepStateBuffer {
 public:
  StepStateBuffer(const Backend& backend, const StepState& state)
      : backend_(backend), buffer_(backend, DType::u8, kBytes) {
    backend.memory.copy_from_host({}, {&state, DType::u8, kBytes}, buffer_);
  }
  StepState* data() const { return static_cast<StepState*>(buffer_.view().data); }
  StepState read() const {
    StepState state;
    backend_.memory.copy_to_host({}, buffer_, {&state, DType::u8, kBytes});
    return state;
  }

 private:
  static constexpr std::int64_t kBytes = sizeof(StepState);

  const Backend& backend_;
  DeviceBuffer buffer_;
};

}  // namespace tl::test
