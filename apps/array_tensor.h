// Between a weights file's arrays and tensors.
#pragma once

#include "engine/tensor.h"
#include "io/weights_file.h"

namespace tl {

/// The array on `ref`, in its own dtype and axis order, where its numbers are: to be read, not
/// written (Tensor::sharing).
Tensor to_tensor(const Array& array);
/// A copy of the tensor in its own dtype.
Array to_array(const Tensor& x);
/// The same without the copy, where x lies on the host: nobody may write to x while there is the
/// array.
Array sharing_array(const Tensor& x);

}  // namespace tl
