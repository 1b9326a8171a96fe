// Between a weights file's arrays and tensors.
#pragma once

#include "engine/tensor.h"
#include "io/weights_file.h"

namespace tl {

/// A copy of the array on `ref`, in its own dtype and axis order.
Tensor to_tensor(const Array& array);
/// A copy of the tensor in its own dtype.
Array to_array(const Tensor& x);

}  // namespace tl
