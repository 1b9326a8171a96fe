// Running one variant of a slot with the workspace it asks for.
#pragma once

#include "tests/support/device_buffer.h"

namespace tl::test {

/// The workspace is poisoned, and exactly as large as the variant says.
template <class Problem, class Args>
void run_variant(const Backend& backend, const Variant<Problem, Args>& variant,
                 const Problem& problem, Args args) {
  // As f32, so that the poison is NaN; sizes are whole numbers of floats.
  const std::int64_t bytes = variant.workspace_size(problem);
  const DeviceBuffer workspace(backend, DType::f32, (bytes + 3) / 4);
  args.workspace = {workspace.view().data, DType::u8, bytes};
  variant.run({}, problem, args);
}

}  // namespace tl::test
