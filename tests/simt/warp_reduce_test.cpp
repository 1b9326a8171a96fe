// __match_any_sync, __reduce_*_sync, and vector loads.
#include "kernels/cuda/vector.cuh"
#include "tests/simt/support.h"

namespace tl::simt {
namespace {

/// Lanes below 20 work together, the others apart from them.
__device__ unsigned my_mask() { return threadIdx.x < 20 ? 0x000fffffu : 0xfff00000u; }

__global__ void match(const float* x, unsigned* y) {
  y[threadIdx.x] = __match_any_sync(my_mask(), x[threadIdx.x]);
}
__global__ void match_wide(unsigned* y) {
  // Equal in their lower 4 bytes.
  y[threadIdx.x] = __match_any_sync(my_mask(), static_cast<long long>(threadIdx.x % 2) << 32);
}

template <class T>
struct Reductions {
  T *sum, *least, *largest;
};

template <class T>
__global__ void reduce(const T* x, Reductions<T> y) {
  const int i = threadIdx.x;
  y.sum[i] = __reduce_add_sync(my_mask(), x[i]);
  y.least[i] = __reduce_min_sync(my_mask(), x[i]);
  y.largest[i] = __reduce_max_sync(my_mask(), x[i]);
}

template <class T>
void check_reductions(const std::vector<T>& values) {
  const Buffer<T> x(values), sum(32), least(32), largest(32);
  launch<reduce<T>>(1, 32, 0, nullptr, static_cast<const T*>(x),
                    Reductions<T>{sum, least, largest});
  for (int i = 0; i < 32; ++i) {
    const int begin = i < 20 ? 0 : 20, end = i < 20 ? 20 : 32;
    unsigned total = 0;
    for (int j = begin; j < end; ++j) total += static_cast<unsigned>(values[j]);
    CHECK(sum.read()[i] == static_cast<T>(total));
    CHECK(least.read()[i] == *std::min_element(values.begin() + begin, values.begin() + end));
    CHECK(largest.read()[i] == *std::max_element(values.begin() + begin, values.begin() + end));
  }
}

template <class T, int N>
__global__ void twice(const T* x, T* y) {
  float values[N];
  load_floats(x + N * threadIdx.x, values);
  for (float& value : values) value *= 2;
  store_floats(y + N * threadIdx.x, values);
}

template <class T, int N>
void check_packs() {
  std::vector<T> values(4 * N);
  for (int i = 0; i < 4 * N; ++i) values[i] = T(static_cast<float>(i));
  const Buffer<T> x(values), y(values.size());
  launch<twice<T, N>>(1, 4, 0, nullptr, static_cast<const T*>(x), static_cast<T*>(y));
  for (int i = 0; i < 4 * N; ++i)
    CHECK(static_cast<float>(y.read()[i]) == static_cast<float>(2 * i));

  CHECK(is_aligned_for<2>(static_cast<const T*>(x)));
  CHECK(!is_aligned_for<2>(static_cast<const T*>(x) + 1));
  const std::string error = error_of([&] {
    launch<twice<T, N>>(1, 1, 0, nullptr, static_cast<const T*>(x) + 1, static_cast<T*>(y));
  });
  CHECK(contains(error, "block (0,0,0) thread (0,0,0) accesses "));
  CHECK(contains(error, ", which is not a multiple of them"));
}

}  // namespace

TEST_CASE("simt: lanes find those with their value") {
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(i % 3);
  const Buffer<float> x(values);
  const Buffer<unsigned> y(32);
  for_each_order([&] {
    launch<match>(1, 32, 0, nullptr, static_cast<const float*>(x), static_cast<unsigned*>(y));
    const std::vector<unsigned> found = y.read();
    for (int i = 0; i < 32; ++i) {
      unsigned right = 0;
      for (int j = 0; j < 32; ++j) {
        if (i % 3 == j % 3 && (i < 20) == (j < 20)) right |= 1u << j;
      }
      CHECK(found[i] == right);
    }
    launch<match_wide>(1, 32, 0, nullptr, static_cast<unsigned*>(y));
    CHECK(y.read()[0] == 0x00055555u);
    CHECK(y.read()[31] == 0xaaa00000u);
  });
}

TEST_CASE("simt: sums, minima and maxima of the lanes of a mask") {
  for_each_order([] {
    std::vector<int> signed_values(32);
    std::vector<unsigned> values(32);
    for (int i = 0; i < 32; ++i) {
      signed_values[i] = i * 37 % 23 - 11;
      values[i] = 0xfffffff0u + static_cast<unsigned>(i * 37 % 23);  // sums wrap
    }
    check_reductions(signed_values);
    check_reductions(values);
  });
}

TEST_CASE("packs load and store what lies side by side, where it is aligned") {
  check_packs<float, 2>();
  check_packs<float, 4>();
  check_packs<float, 8>();
  check_packs<BFloat16, 2>();
  check_packs<BFloat16, 8>();
}

}  // namespace tl::simt
