// gemm "split_k": for a y too small to give every multiprocessor a tile, as of a linear layer on a
// few pictures or of its gradient over many. The depth is cut into ranges; the blocks of a tile
// each sum one range (gemm_tiles.cuh) into the workspace, and a second kernel adds the ranges up,
// in order. The cut depends on m, n and k alone, so the bits do too.
#include "kernels/cuda/gemm_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// How the depth is cut.
struct Cut {
  std::int64_t ranges, depth;  // depth: of each range but the last, which may be shorter

  explicit Cut(const GemmProblem& p) {
    constexpr std::int64_t kEnoughBlocks = 264;  // two for each multiprocessor of an H100
    constexpr std::int64_t kLeastDepth = 128;
    const std::int64_t tiles = std::max<std::int64_t>(1, gemm_small_tiles(p));
    const std::int64_t wanted = std::clamp<std::int64_t>(
        kEnoughBlocks / tiles, 1, std::max<std::int64_t>(1, p.k / kLeastDepth));
    constexpr std::int64_t kMultiple = 32;  // whole steps
    depth = std::max<std::int64_t>(1, ceil_div(ceil_div(p.k, wanted), kMultiple)) * kMultiple;
    ranges = std::max<std::int64_t>(1, ceil_div(p.k, depth));
  }
};

/// y = the sum over ranges of partial [ranges, size], + bias.
template <class T>
__global__ void gemm_add_ranges(const float* partial, int ranges, std::int64_t size, int n,
                                const float* bias, T* y) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    float sum = partial[i];
    for (int r = 1; r < ranges; ++r) sum += partial[r * size + i];
    if (bias) sum += bias[i % n];
    y[i] = static_cast<T>(sum);
  }
}

std::int64_t workspace_bytes(const GemmProblem& p) {
  const std::int64_t most = std::min<std::int64_t>(p.batch, kMatricesPerSlice);
  return Cut(p).ranges * most * p.m * p.n * static_cast<std::int64_t>(sizeof(float));
}

bool supports(const GemmProblem& p) { return gemm_supports(p) && gemm_fits_grid(p); }

template <class T>
void run_as(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  constexpr int kVector = RegisterKind::kVector<T>;
  using Tiles = RegisterKind::Tiles<T, kSmallRows>;
  const Cut cut(p);
  float* const partial = static_cast<float*>(args.workspace.data);
  for_each_slice<T>(p, args, [&](unsigned batch, const GemmBuffers<T>& matrices) {
    const GemmBuffers<T, float> ranges{matrices.a, matrices.b, nullptr, partial};
    if (gemm_takes_packs<kVector>(p, ranges)) {
      launch_gemm_tiles<Tiles, kVector>(stream, p, batch, ranges, cut.ranges, cut.depth);
    } else {
      launch_gemm_tiles<Tiles, 1>(stream, p, batch, ranges, cut.ranges, cut.depth);
    }
    const std::int64_t size = batch * p.m * p.n;
    launch<gemm_add_ranges<T>>(blocks_for(size), kThreads, 0, native(stream), partial,
                               static_cast<int>(cut.ranges), size, static_cast<int>(p.n),
                               matrices.bias, matrices.y);
  });
}

void run(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  with_f32_or_bf16("gemm", p.dtype, [&]<class T>(T) { run_as<T>(stream, p, args); });
}

// As that of "register_tiles", with more tiles of less depth, and the second kernel: its launch,
// and its accesses to memory, each worth the ten multiply-adds that an H100 makes meanwhile.
double cost(const GemmProblem& p) {
  constexpr double kLaunch = 3e7, kAccess = 10;
  const Cut cut(p);
  const double accesses = static_cast<double>(2 * cut.ranges) * static_cast<double>(p.m * p.n);
  return static_cast<double>(p.batch) *
         (gemm_tile_cost(gemm_small_tiles(p) * cut.ranges, std::min(p.k, cut.depth)) + kLaunch +
          kAccess * accesses);
}

}  // namespace

void add_gemm_split_k(GemmKernels& kernels) {
  kernels.run.add({.name = "split_k",
                   .supports = supports,
                   .workspace_bytes = workspace_bytes,
                   .run = run,
                   .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
