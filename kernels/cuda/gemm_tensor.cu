// gemm "tensor_bf16" and "tensor_tf32": the tiles of "register_tiles" multiplied by tensor cores
// (tensor_product.cuh), which make 16 x 16 x 16 products where a warp made 32, and with that a
// multiple of the speed: what remains is to feed them, by the same cp.async.
//
//   tensor_bf16   bf16 in and out; products are exact, sums f32
//   tensor_tf32   f32 in and out; both factors of each product are rounded to 11 significant bits,
//                 a relative error of up to 2^-11 each, which the contract does not allow: on
//                 request alone
#include "kernels/cuda/gemm_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <class T>
bool supports(const GemmProblem& p) {
  return p.dtype == dtype_of<T>() && gemm_fits(p) && gemm_fits_grid(p);
}

template <class T>
void run(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  run_gemm_tiles<TensorKind, T>(stream, p, args);
}

// Where several multiply-adds take the time of one.
double cost(const GemmProblem& p) {
  return static_cast<double>(p.batch) * gemm_tile_cost(gemm_small_tiles(p), p.k) / 8;
}

}  // namespace

void add_gemm_tensor(GemmKernels& kernels) {
  kernels.run.add({.name = "tensor_bf16",
                   .supports = supports<BFloat16>,
                   .run = run<BFloat16>,
                   .cost = cost,
                   .on_request = true});
  kernels.run.add({.name = "tensor_tf32",
                   .supports = supports<float>,
                   .run = run<float>,
                   .cost = cost,
                   .on_request = true});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
