// What each file of this folder puts into a Backend. backend.cu calls them all.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

void install_memory(Backend& b);
void install_streams(Backend& b);
void install_cast(Backend& b);
void install_strided(Backend& b);
void install_gather(Backend& b);
void install_elementwise(Backend& b);
void install_elementwise_binary(Backend& b);
void install_reduce(Backend& b);
void install_gemm(Backend& b);
void install_conv2d(Backend& b);
void install_batch_norm(Backend& b);
void install_max_pool2d(Backend& b);
void install_average_pool2d(Backend& b);
void install_global_average_pool(Backend& b);
void install_softmax(Backend& b);
void install_log_softmax(Backend& b);
void install_cross_entropy(Backend& b);
void install_dropout(Backend& b);
void install_gradient_norm(Backend& b);
void install_sgd(Backend& b);
void install_adam(Backend& b);
void install_preprocess(Backend& b);

}  // namespace tl::TL_DEVICE_NAMESPACE
