// What `cpu` has of conv2d.
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/install.h"

namespace tl::cpu {

void install_conv2d(Backend& b) {
  b.conv2d.forward.add(conv2d_forward_implicit_gemm());
  b.conv2d.forward.add(conv2d_forward_strassen());
  b.conv2d.forward.add(conv2d_forward_winograd_f4x4());
  b.conv2d.forward.add(conv2d_forward_winograd_f5x5());
  b.conv2d.forward.add(conv2d_forward_winograd_f2x2());
  b.conv2d.forward.add(conv2d_forward_winograd_stem());
  b.conv2d.forward.add(conv2d_forward_winograd_stride2());
  b.conv2d.forward.add(conv2d_forward_depthwise());
  b.conv2d.backward_data.add(conv2d_backward_data_implicit_gemm());
  b.conv2d.backward_data.add(conv2d_backward_data_strassen());
  b.conv2d.backward_data.add(conv2d_backward_data_winograd_f4x4());
  b.conv2d.backward_data.add(conv2d_backward_data_winograd_f5x5());
  b.conv2d.backward_data.add(conv2d_backward_data_winograd_stride2());
  b.conv2d.backward_data.add(conv2d_backward_data_depthwise());
  b.conv2d.backward_weight.add(conv2d_backward_weight_implicit_gemm());
  b.conv2d.backward_weight.add(conv2d_backward_weight_strassen());
  b.conv2d.backward_weight.add(conv2d_backward_weight_winograd_4x4());
  b.conv2d.backward_weight.add(conv2d_backward_weight_winograd_5x5());
  b.conv2d.backward_weight.add(conv2d_backward_weight_winograd_stem());
  b.conv2d.backward_weight.add(conv2d_backward_weight_winograd_stride2());
  b.conv2d.backward_weight.add(conv2d_backward_weight_depthwise());
}

}  // namespace tl::cpu
