// Read gemm_layout.h first. Then here: the descriptors of one product; which of cuBLASLt's
// algorithms takes it (asked once per problem); the run.
//
// A matrix of a batch has the bits that it has alone: the algorithm is chosen for one matrix, and
// takes the whole batch where it can, else one matrix after the other. Partial sums that cuBLASLt
// keeps in the output's type (bf16) are ruled out.
#include "kernels/cuda/vendor/cublas_gemm.h"

#include <cublasLt.h>

#include <array>
#include <map>
#include <mutex>

#include "kernels/cuda/vendor/bias.h"
#include "kernels/cuda/vendor/call.h"
#include "kernels/cuda/vendor/gemm_layout.h"

namespace tl::vendor {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;  // NVIDIA's advice for Hopper

cudaDataType_t cuda_type(DType dtype) { return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

/// bf16 with a bias in f32, which cuBLASLt does not take: the product stays f32 until the bias is
/// added.
bool has_f32_product(const GemmProblem& p) { return p.dtype == DType::bf16 && p.bias; }
DType product_type(const GemmProblem& p) { return has_f32_product(p) ? DType::f32 : p.dtype; }

/// Owns a cuBLASLt descriptor.
template <class T, cublasStatus_t (*destroy)(T)>
class Owned {
 public:
  Owned() = default;
  ~Owned() {
    if (value_) static_cast<void>(destroy(value_));
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  T* address() { return &value_; }
  operator T() const { return value_; }  // NOLINT: stands for the handle

 private:
  T value_ = nullptr;
};

using Handle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using MatrixLayout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using MatmulDesc = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

/// The descriptors of `batch` products of problem p.
struct Product {
  MatmulDesc operation;
  MatrixLayout first, second, y;

  Product(const GemmProblem& p, bool tf32, std::int64_t batch) {
    const GemmLayout layout = gemm_layout(p);
    const cublasComputeType_t compute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    check_cublas(cublasLtMatmulDescCreate(operation.address(), compute, CUDA_R_32F), "gemm");
    set(CUBLASLT_MATMUL_DESC_TRANSA, transposition(layout.first));
    set(CUBLASLT_MATMUL_DESC_TRANSB, transposition(layout.second));
    if (p.bias && !has_f32_product(p)) set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    create(first, layout.first, cuda_type(p.dtype), batch);
    create(second, layout.second, cuda_type(p.dtype), batch);
    create(y, layout.product, cuda_type(product_type(p)), batch);
  }

  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof(value)),
                 "gemm, attribute ", static_cast<int>(attribute));
  }

 private:
  static cublasOperation_t transposition(const ColumnMatrix& m) {
    return m.is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  }
  static void create(MatrixLayout& layout, const ColumnMatrix& m, cudaDataType_t type,
                     std::int64_t batch) {
    check_cublas(
        cublasLtMatrixLayoutCreate(layout.address(), type, static_cast<std::uint64_t>(m.rows),
                                   static_cast<std::uint64_t>(m.columns), m.leading),
        "gemm, layout of a matrix");
    if (batch == 1) return;
    const std::int32_t count = static_cast<std::int32_t>(batch);
    check_cublas(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                  &count, sizeof(count)),
                 "gemm, batch");
    check_cublas(
        cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                         &m.stride, sizeof(m.stride)),
        "gemm, stride of a batch");
  }
};

/// How one problem is computed on one device.
struct Plan {
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace;
  bool takes_batch;
};

cublasLtHandle_t handle(int device) {
  static std::mutex mutex;
  static std::map<int, Handle> handles;
  const std::lock_guard lock(mutex);
  Handle& h = handles[device];
  if (!h) check_cublas(cublasLtCreate(h.address()), "cublasLtCreate");
  return h;
}

template <class T>
void prefer(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
            T value) {
  check_cublas(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
               "gemm, preference ", static_cast<int>(attribute));
}

Plan make_plan(int device, const GemmProblem& p, bool tf32) {
  const GemmLayout layout = gemm_layout(p);
  const auto alignment = [](const ColumnMatrix& m, DType dtype) {
    return static_cast<std::uint32_t>(
        common_alignment(m.stride * static_cast<std::int64_t>(size_of(dtype)), kAlignment));
  };
  Preference preference;
  check_cublas(cublasLtMatmulPreferenceCreate(preference.address()), "gemm, preference");
  prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  prefer(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
         static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(layout.first, p.dtype));
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(layout.second, p.dtype));
  const std::uint32_t y_alignment = alignment(layout.product, product_type(p));
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, y_alignment);
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, y_alignment);

  const Product one(p, tf32, 1);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  check_cublas(cublasLtMatmulAlgoGetHeuristic(handle(device), one.operation, one.first, one.second,
                                              one.y, one.y, preference, 1, &best, &found),
               "gemm, choice of an algorithm for ", p);
  check(found == 1, "cublas: gemm: no algorithm for ", p);
  Plan plan = {best.algo, best.workspaceSize, p.batch == 1};
  if (p.batch > 1 && p.batch <= INT32_MAX) {
    const Product all(p, tf32, p.batch);
    cublasLtMatmulHeuristicResult_t checked{};
    plan.takes_batch =
        cublasLtMatmulAlgoCheck(handle(device), all.operation, all.first, all.second, all.y, all.y,
                                &plan.algorithm, &checked) == CUBLAS_STATUS_SUCCESS &&
        checked.workspaceSize <= kMostWorkspace;
    if (plan.takes_batch) plan.workspace = std::max(plan.workspace, checked.workspaceSize);
  }
  return plan;
}

const Plan& plan_of(const GemmProblem& p, bool tf32) {
  using Key = std::array<std::int64_t, 10>;
  static std::mutex mutex;
  static std::map<Key, Plan> plans;
  const int device = current_device();
  const Key key = {device,    p.m,       p.n,    p.k,  p.batch,
                   p.trans_a, p.trans_b, p.bias, tf32, static_cast<std::int64_t>(p.dtype)};
  const std::lock_guard lock(mutex);
  const auto place = plans.find(key);
  if (place != plans.end()) return place->second;
  return plans.emplace(key, make_plan(device, p, tf32)).first->second;
}

bool is_empty(const GemmProblem& p) { return p.batch * p.m * p.n == 0; }

/// Where the f32 product lies in the workspace, behind cuBLASLt's own part.
std::int64_t product_offset(const Plan& plan) {
  return (static_cast<std::int64_t>(plan.workspace) + 255) / 256 * 256;
}

template <bool tf32>
std::int64_t workspace_bytes(const GemmProblem& p) {
  if (is_empty(p) || p.k == 0) return 0;
  const Plan& plan = plan_of(p, tf32);
  const std::int64_t product =
      has_f32_product(p) ? p.batch * p.m * p.n * static_cast<std::int64_t>(sizeof(float)) : 0;
  return product_offset(plan) + product;
}

char* offset(void* data, std::int64_t elements, DType dtype) {
  return static_cast<char*>(data) + elements * static_cast<std::int64_t>(size_of(dtype));
}

template <bool tf32>
void run(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  if (is_empty(p)) return;
  const cudaStream_t queue = native(stream);
  const float* bias = p.bias ? args.bias.as<float>() : nullptr;
  if (p.k == 0) return add_bias(queue, nullptr, bias, p.n, args.y);

  const Plan& plan = plan_of(p, tf32);
  char* const workspace = static_cast<char*>(args.workspace.data);
  AlignedBuffers buffers(queue);
  void* const first = buffers.in(args.b);
  void* const second = buffers.in(args.a);
  void* const y = has_f32_product(p) ? workspace + product_offset(plan) : buffers.out(args.y);
  Product product(p, tf32, plan.takes_batch ? p.batch : 1);
  if (p.bias && !has_f32_product(p))
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, buffers.in(args.bias));
  const GemmLayout layout = gemm_layout(p);
  const float one = 1, zero = 0;
  for (std::int64_t t = 0; t < (plan.takes_batch ? 1 : p.batch); ++t) {
    void* const y_t = offset(y, t * layout.product.stride, product_type(p));
    check_cublas(cublasLtMatmul(handle(current_device()), product.operation, &one,
                                offset(first, t * layout.first.stride, p.dtype), product.first,
                                offset(second, t * layout.second.stride, p.dtype), product.second,
                                &zero, y_t, product.y, y_t, product.y, &plan.algorithm, workspace,
                                plan.workspace, queue),
                 "gemm of ", p);
  }
  if (has_f32_product(p)) add_bias(queue, static_cast<const float*>(y), bias, p.n, args.y);
  buffers.finish();
}

template <bool tf32>
bool supports(const GemmProblem& p) {
  return p.dtype == DType::f32 || (!tf32 && p.dtype == DType::bf16);
}

template <bool tf32>
Variant<GemmProblem, GemmArgs> variant(const char* name) {
  return {.name = name,
          .supports = supports<tf32>,
          .workspace_bytes = workspace_bytes<tf32>,
          .run = run<tf32>,
          .on_request = true};
}

}  // namespace

Variant<GemmProblem, GemmArgs> cublas_gemm() { return variant<false>("cublas"); }
Variant<GemmProblem, GemmArgs> cublas_gemm_tf32() { return variant<true>("cublas_tf32"); }

}  // namespace tl::vendor
