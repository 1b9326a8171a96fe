// Fragments of tensor cores.
#include "kernels/cuda/tensor_core.cuh"
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

namespace wmma = nvcuda::wmma;
using Left = wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major>;
using Right = wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::row_major>;
using Sums = wmma::fragment<wmma::accumulator, 16, 16, 8, float>;

enum class Fault { none, no_barrier, wrong_step, odd_step, not_rounded, not_begun };

/// y = x x' with x of 16 x 8 in shared memory, and x' the first 8 x 16 numbers of it.
template <Fault fault>
__global__ void multiply(const float* x, float* y) {
  __shared__ __align__(32) float tile[16 * 20];
  const int lane = threadIdx.x;
  for (int i = lane; i < 16 * 20; i += 32) tile[i] = x[i];
  if (fault != Fault::no_barrier) __syncwarp();
  Left left;
  Right right;
  Sums sums;
  if (fault != Fault::not_begun) wmma::fill_fragment(sums, 0.0f);
  constexpr unsigned kStep = fault == Fault::wrong_step ? 16 : fault == Fault::odd_step ? 9 : 8;
  wmma::load_matrix_sync(left, tile, kStep);
  wmma::load_matrix_sync(right, tile, 16);
  for (auto& value : left.x) {
    value = fault == Fault::not_rounded ? value + 0x1p-20f : wmma::__float_to_tf32(value);
  }
  for (auto& value : right.x) value = wmma::__float_to_tf32(value);
  wmma::mma_sync(sums, left, right, sums);
  wmma::store_matrix_sync(y, sums, 16, wmma::mem_row_major);
}

template <Fault fault>
bool multiplies() {
  std::vector<float> values(16 * 20);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7);
  const Array<float> x(values), y(256);
  launch<multiply<fault>>(1, 32, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [&](int i) {
    float sum = 0;
    for (int k = 0; k < 8; ++k) {
      sum += values[static_cast<std::size_t>(i / 16 * 8 + k)] *
             values[static_cast<std::size_t>(k * 16 + i % 16)];
    }
    return sum;
  });
}

/// Sums row by row, if the fragment were laid out as on one GPU.
__global__ void number_elements(float* y) {
  Sums sums;
  const int lane = threadIdx.x;
  for (int i = 0; i < 8; ++i) {
    const int row = lane / 4 + i / 2 % 2 * 8, column = lane % 4 * 2 + i % 2 + i / 4 * 8;
    sums.x[i] = static_cast<float>(16 * row + column);
  }
  wmma::store_matrix_sync(y, sums, 16, wmma::mem_row_major);
}

bool numbers_elements() {
  const Array<float> y(256);
  launch<number_elements>(1, 32, 0, nullptr, y.write());
  return equals(y.values(), [](int i) { return i; });
}

}  // namespace

std::vector<Bug> tensor_core_bugs() {
  constexpr const char *kStep = "with a step of 9 elements", *kRounded = "the tf32 operand";
  constexpr auto kMended = multiplies<Fault::none>;
  return {
      {"fragment_of_unfinished_tile",
       "no __syncwarp between the stores and the load of a tile",
       multiplies<Fault::no_barrier>,
       {nullptr, nullptr, "race, tensor_cores.cpp:"},
       kMended},
      {"fragment_step_wrong",
       "the step from row to row is that of another tile",
       multiplies<Fault::wrong_step>,
       {kWrong, kWrong, kWrong},
       kMended},
      {"fragment_step_odd",
       "a step that tensor cores do not take",
       multiplies<Fault::odd_step>,
       {kStep, kStep, kStep},
       kMended},
      {"tf32_not_rounded",
       "operands with more than the 10 bits of tf32",
       multiplies<Fault::not_rounded>,
       {kRounded, kRounded, kRounded},
       kMended},
      {"fragment_not_begun",
       "sums that nobody set to zero",
       multiplies<Fault::not_begun>,
       {kWrong, kWrong, kWrong},
       kMended},
      {"fragment_layout_assumed",
       "elements are where one GPU has them",
       numbers_elements,
       {kWrong, kWrong, kWrong}},
  };
}

}  // namespace tl::simt::bugs
