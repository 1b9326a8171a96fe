// Bug: a kernel, or host code around kernels, with one fault as people make them.
//
// The program simt_bugs (main.cpp) holds a list of them, file by file: bounds.cpp, barriers.cpp ...
// Each is a short function. It says what is wrong, and what each build of the program must say when
// it runs it: the plain build in some order of threads, the builds with AddressSanitizer and with
// the race checker in forward order.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/compat.cuh"
#include "kernels/error.h"

namespace tl::simt::bugs {

/// What a build must print, in part; nullptr where it need not notice anything.
struct Caught {
  const char *plain, *asan, *race;
};

/// That the result is wrong is all there is to see; what else can be seen is a report.
inline constexpr const char* kWrong = "wrong result";

struct Bug {
  const char* name;
  const char* what;  ///< for the table
  /// Runs it; returns whether the result is right.
  bool (*is_right)();
  Caught caught;
  /// The same with the fault mended: right, and no word said in any build. nullptr where the fault
  /// is not in the kernel but in its call.
  bool (*mended)() = nullptr;
};

// The files.
std::vector<Bug> bounds_bugs();
std::vector<Bug> barrier_bugs();
std::vector<Bug> block_bugs();
std::vector<Bug> warp_bugs();
std::vector<Bug> value_bugs();
std::vector<Bug> launch_bugs();
std::vector<Bug> async_copy_bugs();
std::vector<Bug> tensor_core_bugs();
std::vector<Bug> stream_bugs();
std::vector<Bug> capture_bugs();

/// Device memory of a bug.
template <class T>
class Array {
 public:
  explicit Array(std::size_t size) : size_(size) {
    void* data = nullptr;
    check(cudaMalloc(&data, size * sizeof(T)) == cudaSuccess, "no device memory");
    data_ = static_cast<T*>(data);
  }
  explicit Array(const std::vector<T>& values) : Array(values.size()) {
    cudaMemcpyAsync(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice, nullptr);
    cudaStreamSynchronize(nullptr);
  }
  ~Array() { cudaFree(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* write() const { return data_; }
  const T* read() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> copy(size_);
    cudaMemcpyAsync(copy.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost, nullptr);
    cudaStreamSynchronize(nullptr);
    return copy;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// 0, 1, 2 ...
inline std::vector<float> counting(int size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i);
  return values;
}

/// Whether y[i] == expected(i) for all i.
template <class F>
bool equals(const std::vector<float>& y, const F& expected) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!(y[i] == static_cast<float>(expected(static_cast<int>(i))))) return false;
  }
  return true;
}

}  // namespace tl::simt::bugs
