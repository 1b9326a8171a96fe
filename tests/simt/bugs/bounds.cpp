// Addresses: outside what belongs to the kernel, misaligned, on the wrong side of the bus.
#include <cstdint>

#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 64;

// ---- global memory ------------------------------------------------------------------------------

template <bool guarded>
__global__ void copy(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (!guarded || i < n) y[i] = x[i];
}

template <bool guarded>
bool copies_100() {
  const Array<float> x(counting(128)), y(100);
  launch<copy<guarded>>(2, kThreads, 0, nullptr, x.read(), y.write(), 100);
  return equals(y.values(), [](int i) { return i; });
}

/// The left neighbour; the first element has none.
template <bool guarded>
__global__ void take_left(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = guarded && i == 0 ? 0 : x[i - 1];
}

template <bool guarded>
bool takes_left() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  launch<take_left<guarded>>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(std::vector<float>(y.values()), [](int i) { return i > 0 ? i - 1 : 0; });
}

/// Rows of `step` elements; with int for the index the last row's is negative.
template <class Index>
__global__ void first_of_row(const float* x, float* y, int step) {
  const int row = 1 << 16;
  const Index i = static_cast<Index>(row) * step;
  y[threadIdx.x] = x[i == (std::int64_t{1} << 32) ? threadIdx.x : 0];
}

template <class Index>
bool finds_row() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  launch<first_of_row<Index>>(1, kThreads, 0, nullptr, x.read(), y.write(), 1 << 16);
  return equals(y.values(), [](int i) { return i; });
}

bool reads_freed() {
  float* freed = nullptr;
  {
    const Array<float> x(counting(kThreads));
    freed = x.write();
  }
  const Array<float> y(kThreads);
  launch<copy<true>>(1, kThreads, 0, nullptr, static_cast<const float*>(freed), y.write(),
                     kThreads);
  return equals(y.values(), [](int i) { return i; });
}

template <int offset>
__global__ void load_four(const float* x, float* y) {
  y[threadIdx.x] = reinterpret_cast<const float4*>(x + offset)[threadIdx.x % 8].x;
}

template <int offset>
bool loads_four() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  launch<load_four<offset>>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i % 8 * 4 + offset; });
}

// ---- shared memory ------------------------------------------------------------------------------

template <int size>
__global__ void shift_static(const float* x, float* y) {
  __shared__ float box[size];
  const int i = threadIdx.x;
  box[i + 1] = x[i];
  __syncthreads();
  y[i] = box[i + 1];
}

template <int size>
bool shifts_static() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  launch<shift_static<size>>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i; });
}

__global__ void shift_dynamic(const float* x, float* y) {
  DYNAMIC_SHARED(float, box);
  const int i = threadIdx.x;
  box[i + 1] = x[i];
  __syncthreads();
  y[i] = box[i + 1];
}

template <int size>
bool shifts_dynamic() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  launch<shift_dynamic>(1, kThreads, size * sizeof(float), nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i; });
}

/// Element 16 of a row of 16 is element 0 of the next: inside the array all the same.
template <int columns>
__global__ void fill_rows(float* y) {
  __shared__ float tile[8][columns];
  const int row = threadIdx.x / 8, column = threadIdx.x % 8;
  tile[row][2 * column + 1] = 1;
  tile[row][2 * column + 2] = static_cast<float>(column);
  __syncthreads();
  y[threadIdx.x] = tile[row][2 * column + 2];
}

template <int columns>
bool fills_rows() {
  const Array<float> y(kThreads);
  launch<fill_rows<columns>>(1, kThreads, 0, nullptr, y.write());
  return equals(y.values(), [](int i) { return i % 8; });
}

template <int size>
__global__ void fill_local(float* y, int n) {
  float local[size] = {};
  for (int i = 0; i < n; ++i) local[i] = y[i];
  __syncthreads();
  y[threadIdx.x] = local[threadIdx.x % 4];
}

template <int size>
bool fills_local() {
  const Array<float> y(counting(kThreads));
  launch<fill_local<size>>(1, kThreads, 0, nullptr, y.write(), 5);
  return equals(y.values(), [](int i) { return i % 4; });
}

// ---- the host's side ----------------------------------------------------------------------------

bool host_reads() {
  const Array<float> x(counting(kThreads));
  return x.read()[1] == 1;
}

bool kernel_reads_host() {
  const std::vector<float> x = counting(kThreads);
  const Array<float> y(kThreads);
  launch<copy<true>>(1, kThreads, 0, nullptr, static_cast<const float*>(x.data()), y.write(),
                     kThreads);
  return equals(y.values(), [](int i) { return i; });
}

}  // namespace

std::vector<Bug> bounds_bugs() {
  return {
      {"write_past_global",
       "the last block has no guard `i < n`",
       copies_100<false>,
       {nullptr, "heap-buffer-overflow", "outside all blocks of device memory"},
       copies_100<true>},
      {"read_before_global",
       "index -1 of a buffer",
       takes_left<false>,
       {nullptr, "heap-buffer-overflow", "outside all blocks of device memory"},
       takes_left<true>},
      {"index_overflows",
       "row * step in 32 bits",
       finds_row<int>,
       {kWrong, kWrong, nullptr},
       finds_row<std::int64_t>},
      {"use_after_free",
       "the buffer was freed before the launch",
       reads_freed,
       {nullptr, "heap-use-after-free", "or in one that was freed"}},
      {"misaligned_vector_load",
       "float4 from an address that is a multiple of 4 only",
       loads_four<1>,
       {nullptr, "misaligned address", nullptr},
       loads_four<4>},
      {"write_past_static_shared",
       "box[i + 1] of an array of as many elements as threads",
       shifts_static<kThreads>,
       {nullptr, "index 64 out of bounds", "index 64 of an array of type 'float [64]'"},
       shifts_static<kThreads + 1>},
      {"write_past_dynamic_shared",
       "the launch asks for one element too few",
       shifts_dynamic<kThreads>,
       {nullptr, "heap-buffer-overflow", "outside the launch's dynamic shared memory"},
       shifts_dynamic<kThreads + 1>},
      {"column_past_its_row",
       "tile[r][16] of rows of 16: another element of the same array",
       fills_rows<16>,
       {nullptr, "index 16 out of bounds", "index 16 of an array of type 'float [16]'"},
       fills_rows<17>},
      {"write_past_local",
       "a loop of 5 over a thread's own array of 4",
       fills_local<4>,
       {nullptr, "index 4 out of bounds", "index 4 of an array of type 'float [4]'"},
       nullptr},
      {"host_reads_device",
       "a device pointer used in host code",
       host_reads,
       {nullptr, "use-after-poison", "simt: the host touches device memory at bounds.cpp:"}},
      {"kernel_reads_host",
       "a host pointer passed to a kernel",
       kernel_reads_host,
       {nullptr, nullptr, "reads host memory at bounds.cpp:"}},
  };
}

}  // namespace tl::simt::bugs
