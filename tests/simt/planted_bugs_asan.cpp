// Kernels whose fault only AddressSanitizer sees. Each must end the program, so each is a run of
// its own: `planted_bugs_asan NAME`. Exits 0 when the fault was not noticed.
#include <cstdio>
#include <cstring>
#include <vector>

#include "kernels/cuda/compat.cuh"

namespace tl::simt {
namespace {

constexpr int kThreads = 64;

__global__ void write_past_global(float* y) { y[threadIdx.x + 1] = 1; }
__global__ void read_before_global(const float* x, float* y) {
  y[threadIdx.x] = x[static_cast<int>(threadIdx.x) - 1];
}
__global__ void write_past_static_shared(float* y) {
  __shared__ float shared[kThreads];
  shared[threadIdx.x + 1] = 1;
  __syncthreads();
  y[threadIdx.x] = shared[threadIdx.x];
}
__global__ void write_past_dynamic_shared(float* y) {
  DYNAMIC_SHARED(float, shared);
  shared[threadIdx.x + 1] = 1;
  __syncthreads();
  y[threadIdx.x] = shared[threadIdx.x];
}
__global__ void write_past_local(float* y, int n) {
  float local[4] = {};
  for (int i = 0; i < n; ++i) local[i] = 1;
  __syncthreads();
  y[threadIdx.x] = local[threadIdx.x % 4];
}
__global__ void write(float* y) { y[threadIdx.x] = 1; }
__global__ void read_unaligned(const float* x, float* y) {
  y[threadIdx.x] = reinterpret_cast<const float4*>(x + 1)->x;
}

float* allocate() {
  void* data = nullptr;
  cudaMalloc(&data, kThreads * sizeof(float));
  return static_cast<float*>(data);
}

struct Bug {
  const char* name;
  void (*run)();
};

template <auto kernel, class... Arguments>
void run(std::size_t shared_bytes, const Arguments&... arguments) {
  launch<kernel>(1, kThreads, shared_bytes, nullptr, arguments...);
}

const Bug kBugs[] = {
    {"write_past_global", [] { run<write_past_global>(0, allocate()); }},
    {"read_before_global", [] { run<read_before_global>(0, allocate(), allocate()); }},
    {"write_past_static_shared", [] { run<write_past_static_shared>(0, allocate()); }},
    {"write_past_dynamic_shared",
     [] { run<write_past_dynamic_shared>(kThreads * sizeof(float), allocate()); }},
    {"write_past_local", [] { run<write_past_local>(0, allocate(), 5); }},
    {"use_after_free",
     [] {
       float* data = allocate();
       cudaFree(data);
       run<write>(0, data);
     }},
    {"host_reads_device", [] { std::printf("%f\n", *allocate()); }},
    {"read_unaligned", [] { run<read_unaligned>(0, allocate(), allocate()); }},
};

}  // namespace
}  // namespace tl::simt

int main(int argc, char** argv) {
  for (const tl::simt::Bug& bug : tl::simt::kBugs) {
    if (argc == 2 && std::strcmp(argv[1], bug.name) == 0) {
      bug.run();
      std::printf("%s: not noticed\n", bug.name);
      return 0;
    }
  }
  std::fprintf(stderr, "usage: planted_bugs_asan NAME, with NAME one of");
  for (const tl::simt::Bug& bug : tl::simt::kBugs) std::fprintf(stderr, " %s", bug.name);
  std::fprintf(stderr, "\n");
  return 2;
}
