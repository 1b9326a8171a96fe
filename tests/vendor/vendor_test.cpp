// The plugin as far as no GPU is needed: it loads, hands over all variants, refuses another build;
// and cuDNN accepts the descriptors of every problem.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "kernels/cuda/vendor/cudnn_graph.h"
#include "kernels/cuda/vendor/table.h"
#include "kernels/cuda/verified.h"
#include "tests/kernels/conv2d_cases.h"

namespace tl::test {
namespace {

vendor::EntryPoint entry_point() {
  void* const library = dlopen(TL_VENDOR_FILE, RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(library, dlerror());
  void* const symbol = dlsym(library, vendor::kEntryPoint);
  REQUIRE((symbol != nullptr));
  return reinterpret_cast<vendor::EntryPoint>(symbol);
}

std::vector<Conv2dProblem> problems() {
  std::vector<Conv2dProblem> list;
  for (const Conv2dProblem& p : conv2d_cases()) {
    if (p.n > 0) list.push_back(p);
  }
  return list;
}

Conv2dProblem in_bf16(Conv2dProblem p) {
  p.x_dtype = p.w_dtype = p.y_dtype = DType::bf16;
  return p;
}

}  // namespace

TEST_CASE("vendor: the plugin hands over every variant") {
  const vendor::Layout layout = vendor::layout();
  const vendor::VendorTable* const table = entry_point()(TL_VERSION, &layout);
  REQUIRE(table);
  CHECK(std::string(table->gemm.name) == "cublas");
  CHECK(std::string(table->gemm_tf32.name) == "cublas_tf32");
  CHECK(std::string(table->forward.name) == "cudnn");
  CHECK(std::string(table->backward_data_tf32.name) == "cudnn_tf32");
  for (const auto& variant : {table->gemm, table->gemm_tf32}) {
    CHECK((variant.run != nullptr));
    CHECK(variant.on_request);
  }
  CHECK((table->forward.run && table->forward_tf32.run && table->backward_data.run &&
         table->backward_weight.run && table->train.run && table->train_backward.run));
  CHECK((table->max_pool.run && table->average_pool.run && table->average_pool_backward.run));
  // What needs no look at a GPU.
  CHECK(table->gemm.supports({.dtype = DType::bf16}));
  CHECK_FALSE(table->gemm.supports({.dtype = DType::f64}));
  CHECK_FALSE(table->gemm_tf32.supports({.dtype = DType::bf16}));
  CHECK_FALSE(table->forward.supports({.prologue = true}));
  CHECK_FALSE(table->forward.supports({.sums = true}));
  CHECK_FALSE(table->forward_tf32.supports(in_bf16({})));
  BatchNormProblem with_relu;
  with_relu.relu = true;
  CHECK_FALSE(table->train_backward.supports(with_relu));
  CHECK_FALSE(table->max_pool.supports({.h = 4, .w = 4, .positions = true}));
  CHECK_FALSE(table->max_pool.supports({.h = 4, .w = 4, .dtype = DType::f64}));
  CHECK_FALSE(table->max_pool.supports({.n = 0, .h = 4, .w = 4}));
  const AverageAxis thirds = AverageAxis::adaptive(5, 3);
  CHECK_FALSE(table->average_pool.supports({.rows = thirds, .columns = thirds}));
  CHECK_FALSE(table->average_pool_backward.supports({.rows = thirds, .columns = thirds}));
}

TEST_CASE("vendor: the plugin refuses another build") {
  vendor::Layout layout = vendor::layout();
  CHECK(entry_point()("0.0.0", &layout) == nullptr);
  layout[3] += 8;
  CHECK(entry_point()(TL_VERSION, &layout) == nullptr);
}

TEST_CASE("vendor: cuDNN accepts the operations of every convolution") {
  for (const Conv2dProblem& f32 : problems()) {
    for (const Conv2dProblem& p : {f32, in_bf16(f32)}) {
      CAPTURE(p);
      const std::size_t steps = 1 + p.bias + p.residual + p.relu;
      CHECK(vendor::forward_graph(p).operations().size() == steps);
      CHECK(vendor::backward_data_graph(p).operations().size() == 1);
      Conv2dProblem gradient = p;
      gradient.w_dtype = parameter_dtype(p.x_dtype);
      CHECK(vendor::backward_weight_graph(gradient).operations().size() == 1);
    }
  }
}

TEST_CASE("vendor: cuDNN accepts the operations of batch norm") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    BatchNormProblem p;
    p.rows = 35, p.channels = 17, p.x_dtype = dtype;
    CHECK(vendor::train_backward_graph(p).operations().size() == 1);
    for (const bool residual : {false, true}) {
      for (const bool relu : {false, true}) {
        p.residual = residual, p.relu = relu;
        CHECK(vendor::train_graph(p).operations().size() == std::size_t{1} + residual + relu);
      }
    }
  }
}

TEST_CASE("vendor: cuDNN accepts the operations of poolings, and no other number of windows") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const bool ceil_mode : {false, true}) {
      MaxPool2dProblem largest{.n = 2, .h = 9, .w = 12, .c = 5, .kernel_h = 3, .kernel_w = 3};
      largest.pad_h = largest.pad_w = 1;
      largest.ceil_mode = ceil_mode;
      largest.dtype = dtype;
      const vendor::PoolWindows windows = vendor::pool_windows(largest).value();
      const vendor::TensorShape x = vendor::x_shape(largest), y = vendor::y_shape(largest);
      CHECK(vendor::pool_graph(windows, dtype, x, y).operations().size() == 1);
      CHECK_THROWS_AS(vendor::pool_graph(windows, dtype, x, vendor::nhwc(2, 9, 9, 5)), Error);
      for (const bool include : {false, true}) {
        const AveragePool2dProblem mean{
            .n = 2,
            .c = 5,
            .rows = AverageAxis::sliding(9, 3, 2, 1, ceil_mode, include),
            .columns = AverageAxis::adaptive(12, 4),
            .dtype = dtype};
        const vendor::PoolWindows of_mean = vendor::pool_windows(mean).value();
        const vendor::TensorShape in = vendor::x_shape(mean), out = vendor::y_shape(mean);
        CHECK(vendor::pool_graph(of_mean, dtype, in, out).operations().size() == 1);
        CHECK(vendor::pool_backward_graph(of_mean, dtype, in, out).operations().size() == 1);
      }
    }
  }
}

TEST_CASE("vendor: what cuDNN has against a descriptor is one line with its reason") {
  vendor::Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  CHECK_THROWS_WITH_AS(tensor.finalize(), doctest::Contains("cudnn: descriptor 17: CUDNN_STATUS_"),
                       Error);
  try {
    vendor::Descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR).finalize();
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
  }
}

TEST_CASE("vendor: the backend of cuda opens the plugin when a variant is asked, or says why not") {
  Backend b = cuda_backend();
  b.gemm.run.force("cublas");
  CHECK(std::string(b.gemm.run.choose({.dtype = DType::bf16}).name) == "cublas");
  CHECK_THROWS_WITH_AS(b.gemm.run.choose({.dtype = DType::f64}),
                       "gemm: none of cublas supports [1, 1] x [1, 1] f64", Error);
  b.conv2d.forward.force("cudnn");
  CHECK_THROWS_AS(b.conv2d.forward.choose({.sums = true}), Error);

  setenv("TL_CUDA_VENDOR", "/nowhere/plugin.so", 1);
  Backend without = cuda_backend();
  unsetenv("TL_CUDA_VENDOR");
  CHECK_THROWS_WITH_AS(without.conv2d.forward.force("cudnn"),
                       "conv2d.forward: no variant 'cudnn': libtlrun_cuda_vendor.so not found: "
                       "/nowhere/plugin.so",
                       Error);
}

TEST_CASE("verified: own variants are released, TF32 and the vendor's never") {
  Backend b{};
  const auto always = [](const GemmProblem&) { return true; };
  for (const char* name : {"tensor_core", "tensor_core_tf32", "cublas", "unlisted"})
    b.gemm.run.add({.name = name, .supports = always, .run = nullptr, .on_request = true});
  cuda::release_verified(b,
                         "# a comment\ngemm tensor_core NVIDIA_H100\ngemm tensor_core_tf32 "
                         "NVIDIA_H100\ngemm cublas NVIDIA_H100\nconv2d.forward unlisted X\n");
  std::string released;
  for (const auto& variant : b.gemm.run.all()) {
    if (!variant.on_request) released += variant.name;
  }
  CHECK(released == "tensor_core");
  CHECK(cuda::verified_variants().starts_with("# Variants that passed"));
}

}  // namespace tl::test
