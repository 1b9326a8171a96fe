// gemm "register_tiles": each thread keeps 8 x 8 sums in registers (register_product.cuh), so that
// an element read from shared memory is used 8 times and the multiply-adds no longer wait for it;
// and while the block multiplies, cp.async brings the next tiles (gemm_tiles.cuh), 16 bytes at a
// time where the rows of a and b begin at multiples of 16 bytes.
//
// The sum of each element of y is taken in the order of the depth, whatever the size of the tile.
#include "kernels/cuda/gemm_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

bool supports(const GemmProblem& p) { return gemm_supports(p) && gemm_fits_grid(p); }

void run(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  with_f32_or_bf16("gemm", p.dtype,
                   [&]<class T>(T) { run_gemm_tiles<RegisterKind, T>(stream, p, args); });
}

// Of one matrix, times their number: the choice may not depend on the batch.
double cost(const GemmProblem& p) {
  return static_cast<double>(p.batch) * gemm_tile_cost(gemm_small_tiles(p), p.k);
}

}  // namespace

void add_gemm_register_tiles(GemmKernels& kernels) {
  kernels.run.add({.name = "register_tiles", .supports = supports, .run = run, .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
